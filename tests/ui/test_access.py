"""Hiding a button protects nothing: the functions refuse by themselves."""

from types import SimpleNamespace

import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.ui.access import (
    MOST_ADDRESSES,
    MOST_WRONG,
    UPLOAD,
    BodyLimit,
    Tokens,
    is_public,
    know_visitors_by_address,
    may_steer,
    measurable,
    require_steering,
)
from resnet_demo.ui.requests import TrainRequest
from resnet_demo.ui.train.panel import Live


def visitor(name: str | None = None, **role_in: str) -> SimpleNamespace:
    """A gr.Request as far as access looks at it. role_in: organisation=role."""
    orgs = [{"preferred_username": org, "roleInOrg": role} for org, role in role_in.items()]
    user = {"preferred_username": name, "orgs": orgs or None}
    session = {"oauth_info": {"userinfo": user}} if name else {}
    return SimpleNamespace(request=SimpleNamespace(scope={"session": session}))


@pytest.fixture
def space(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/resnet")
    monkeypatch.setenv("RESNET_DEMO_ADMIN_TOKEN", "secret")


def test_at_home_everybody_steers(monkeypatch) -> None:
    monkeypatch.delenv("SPACE_ID", raising=False)
    assert not is_public() and may_steer(None)


@pytest.mark.parametrize(
    ("request_", "token", "allowed"),
    [
        (visitor(), "", False),
        (visitor("eve"), "", False),
        (visitor("ada"), "", True),
        (visitor("eve", ada="admin"), "", True),
        (visitor("eve", ada="write"), "", True),
        (visitor("eve", ada="read"), "", False),
        (visitor("eve", ada="contributor"), "", False),
        (visitor("eve", other="admin"), "", False),
        (visitor(), "secret", True),
        (visitor(), "secre", False),
        (None, "", False),
    ],
)
def test_on_a_space_only_the_owner_or_the_token(space, request_, token, allowed) -> None:
    assert may_steer(request_, token) is allowed


def seen_address(forwarded: str) -> str:
    """Which address the server takes a request from a Space's proxy to come from."""
    shown = Route("/", lambda request: PlainTextResponse(request.client.host))
    config = uvicorn.Config(Starlette(routes=[shown]))
    config.load()
    proxy = TestClient(config.loaded_app, client=("10.0.7.1", 5000))
    return proxy.get("/", headers={"X-Forwarded-For": forwarded}).text


def test_visitors_of_a_space_have_an_address_each_and_cannot_make_one_up(space, monkeypatch):
    monkeypatch.delenv("FORWARDED_ALLOW_IPS", raising=False)
    assert seen_address("203.0.113.5") == "10.0.7.1"
    monkeypatch.setenv("FORWARDED_ALLOW_IPS", "")  # put back at the end
    monkeypatch.delenv("FORWARDED_ALLOW_IPS")
    know_visitors_by_address()
    assert seen_address("203.0.113.5") == "203.0.113.5"
    assert seen_address("198.51.100.1, 203.0.113.5, 10.0.3.4") == "203.0.113.5"


def test_without_a_token_set_no_token_opens(monkeypatch) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    monkeypatch.delenv("RESNET_DEMO_ADMIN_TOKEN", raising=False)
    assert not may_steer(None, "")
    with pytest.raises(UserError, match="only the owner"):
        require_steering(None, "x")


@pytest.mark.parametrize("action", ["pause", "stop", "cancel", "delete", "set", "resume", "twin"])
def test_every_command_is_checked(space, action, home: Home, config) -> None:
    run = control.new_run(home, config)
    with pytest.raises(UserError, match="only the owner"):
        Live(home).steer(TrainRequest(run=run, command=action), visitor("eve"))
    assert control.run_names(home) == [run]


def app_with_limit() -> TestClient:
    async def read(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    return TestClient(
        Starlette(
            routes=[Route(path, read, methods=["POST"]) for path in ("/", "/upload", UPLOAD)],
            middleware=[Middleware(BodyLimit, max_bytes=1000, max_upload_bytes=2000)],
        )
    )


def test_bodies_over_the_limit_are_refused() -> None:
    client = app_with_limit()
    assert client.post("/", content=b"x" * 1000).text == "1000"
    assert client.post("/", content=b"x" * 1001).status_code == 413
    assert client.post(UPLOAD, content=b"x" * 2000).text == "2000"
    assert client.post(UPLOAD, content=b"x" * 2001).status_code == 413


def test_only_the_upload_path_itself_takes_much() -> None:
    assert app_with_limit().post("/upload", content=b"x" * 1001).status_code == 413


def test_a_token_cannot_be_found_by_trying(space) -> None:
    tokens = Tokens()
    for guess in range(MOST_WRONG):
        assert not tokens.is_right(f"guess {guess}", "10.0.0.1")
    assert not tokens.is_right("secret", "10.0.0.1"), "not even looked at any more"
    assert tokens.is_right("secret", "10.0.0.2"), "others are not locked out"


def test_a_page_that_sends_an_old_token_again_and_again_guesses_once(space) -> None:
    tokens = Tokens()
    for _ in range(10 * MOST_WRONG):
        assert not tokens.is_right("old", "10.0.0.1")
    assert tokens.is_right("secret", "10.0.0.1")


def test_guesses_from_everywhere_take_bounded_memory(space) -> None:
    tokens = Tokens()
    for number in range(MOST_ADDRESSES + 50):
        tokens.is_right("x", f"10.0.{number}")
    assert len(tokens.wrong) == MOST_ADDRESSES


def test_a_body_that_hides_its_length_is_refused_too() -> None:
    def chunks():
        for _ in range(20):
            yield b"x" * 100

    assert app_with_limit().post("/", content=chunks()).status_code == 413


def test_a_stranger_has_nothing_downloaded(space, home: Home) -> None:
    """Not by what is measured in Inspect, nor by the API's names of the same."""
    wanted = ("imagenette", "cifar10", "hub:ada/cats", "hub:ada/cats@abc", "hub:ada/cats:small")
    for data in wanted:
        with pytest.raises(UserError, match="is not on this machine"):
            measurable(data, home)
    (home.downloads / "hub" / "ada--cats--abc").mkdir(parents=True)
    for data in ("shapes", "", *wanted[2:4]):
        assert measurable(data, home) == (data or "shapes")
