"""Who pushes, and with whose token."""

from types import SimpleNamespace

import pytest

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.ui.classify.pushing import pushed

MINE = ("me/net", "mit", False, False)


def signed_in(token: str) -> SimpleNamespace:
    session = {"oauth_info": {"access_token": token, "userinfo": {"preferred_username": "me"}}}
    return SimpleNamespace(request=SimpleNamespace(scope={"session": session}))


@pytest.fixture
def public(hub: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """A public page on a server whose own token must never be used for a visitor."""
    for name, value in (hub | {"RESNET_DEMO_PUBLIC": "1", "HF_TOKEN": "hf_the_servers"}).items():
        monkeypatch.setenv(name, value)


def test_a_visitor_pushes_with_their_own_token_only(public, home: Home, handler) -> None:
    with pytest.raises(UserError, match="Sign in with Hugging Face"):
        pushed(home, "bundled", *MINE, None, "")
    assert not handler.asked
    assert pushed(home, "bundled", *MINE, signed_in("hf_good"), "")["repo"] == "me/net"


def test_a_visitor_does_not_push_the_owners_runs(public, home: Home, handler) -> None:
    with pytest.raises(UserError, match="only the owner"):
        pushed(home, "run:0001", *MINE, signed_in("hf_good"), "")
    assert not handler.asked
