"""Asking a Hub that does not answer."""

import pytest
from huggingface_hub import constants

from resnet_demo.fetching import no_long_waits
from tests.conftest import free_port


@pytest.mark.parametrize("wish", [False, True])
def test_two_at_once_who_hear_nothing_leave_the_way_as_it_was(
    wish: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", wish)
    first, second = no_long_waits(), no_long_waits()
    with first:
        assert constants.HF_HUB_OFFLINE
        second.__enter__()
    second.__exit__(None, None, None)  # later than the first
    assert constants.HF_HUB_OFFLINE == wish
