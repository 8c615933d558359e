"""Asking a Hub that does not answer, or not as it should."""

import errno
from typing import get_args

import pytest
from huggingface_hub import constants
from huggingface_hub.errors import EntryNotFoundError, LocalEntryNotFoundError

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.fetching import What, from_the_hub, no_long_waits
from resnet_demo.runs import mirror
from resnet_demo.runs.mirror_places import mirror_at
from tests.conftest import free_port


@pytest.fixture
def silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")


@pytest.mark.parametrize("wish", [False, True])
def test_two_at_once_who_hear_nothing_leave_the_way_as_it_was(
    wish: bool, silent: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", wish)
    first, second = no_long_waits(), no_long_waits()
    with first:
        assert constants.HF_HUB_OFFLINE
        second.__enter__()
    second.__exit__(None, None, None)  # later than the first
    assert constants.HF_HUB_OFFLINE == wish


FAULTS = (
    LocalEntryNotFoundError("not in the cache"),
    EntryNotFoundError("404"),
    OSError(errno.ENOSPC, "full"),
    OSError("Consistency check failed"),
)


@pytest.mark.parametrize("error", FAULTS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("what", get_args(What))
def test_whatever_is_fetched_a_fault_is_a_sentence_about_it(
    silent: None, what: What, error: Exception
) -> None:
    def fetch() -> None:
        raise error

    with pytest.raises(UserError, match="me/it") as told:
        from_the_hub("me/it", fetch, what)
    assert what == "weights" or "weights" not in str(told.value)


def test_a_mirror_that_is_not_heard_is_a_sentence_and_the_page_starts(
    silent: None, home: Home, caplog: pytest.LogCaptureFixture
) -> None:
    away = mirror_at("hub:me/runs")
    for ask in (away.names, lambda: mirror.restore(home, away, "0001-0000000000001")):
        with pytest.raises(UserError, match="The mirror me/runs cannot be asked"):
            ask()
    mirror.restore_all(home, away)
    assert "cannot be asked" in caplog.text
