"""A process allows itself what it may, and no more than it was given."""

import resource
import sys

import pytest

from resnet_demo.limits import limit


@pytest.fixture
def kept(monkeypatch: pytest.MonkeyPatch) -> dict[int, tuple[int, int]]:
    """The limits of a process that was given 8 GiB of addresses, and all the data it likes."""
    given = {resource.RLIMIT_AS: (8 * 2**30, 8 * 2**30), resource.RLIMIT_DATA: (-1, -1)}
    monkeypatch.setattr(resource, "getrlimit", given.__getitem__)
    monkeypatch.setattr(resource, "setrlimit", given.__setitem__)
    return given


def test_what_was_given_is_not_raised(kept: dict[int, tuple[int, int]]) -> None:
    limit(resource.RLIMIT_AS, 16 * 2**30)
    limit(resource.RLIMIT_DATA, 2**20)
    assert kept == {
        resource.RLIMIT_AS: (8 * 2**30, 8 * 2**30),
        resource.RLIMIT_DATA: (2**20, 2**20),
    }


def test_a_system_that_refuses_limits_on_memory_is_lived_with(monkeypatch) -> None:
    def refused(kind: int, limits: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "setrlimit", refused)
    monkeypatch.setattr(sys, "platform", "darwin")
    limit(resource.RLIMIT_DATA, 2**20)
    monkeypatch.setattr(sys, "platform", "linux")
    with pytest.raises(ValueError, match="exceeds"):
        limit(resource.RLIMIT_DATA, 2**20)
