"""The door: nothing that was not uploaded here comes in, and no other page steers this one."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from gradio.utils import get_upload_folder
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from starlette.datastructures import Headers

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.ui import gate
from tests.conftest import Server

NEVER = ("Traceback", "site-packages", "most recent call")
META = {"_type": "gradio.FileData"}


@pytest.fixture
def uploads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "uploads"
    folder.mkdir()
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(folder))
    assert Path(get_upload_folder()) == folder
    return folder


def spellings(path: Path, uploads: Path) -> list[dict[str, object]]:
    """A file outside the upload folder, in every way that we know to write it."""
    link = uploads / "link.png"
    if not link.is_symlink():
        link.symlink_to(path)
    up = os.path.relpath(path, uploads)
    return [
        {"path": str(path)},
        {"path": str(path), "meta": {}},
        {"path": str(path), "meta": None},
        {"path": str(path), "meta": META},
        {"path": str(path), "meta": {"_type": "gradio.Other"}},
        {"path": str(path), "url": f"/gradio_api/file={uploads}/x.png", "meta": META},
        {"path": f"file://{path}", "meta": META},
        {"path": f"{uploads}/{up}"},
        {"path": str(link)},
        {"path": f"{path}\0.png"},
        {"path": "http://127.0.0.1:9/x.png", "meta": META},
        {"path": "https://example.org/x.png", "meta": META},
        {"path": [str(path)]},
        {"path": {"path": str(path)}},
        {"path": None},
        {"path": ""},
    ]


def refused(value: object) -> str:
    with pytest.raises(UserError) as caught:
        gate.check_body(json.dumps(value).encode())
    return str(caught.value)


def test_a_file_that_was_not_uploaded_is_refused_however_it_is_written(
    uploads: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(b"x")
    for spelling in spellings(secret, uploads):
        for where in ({"data": [spelling]}, {"data": {"a": [[spelling]]}}, spelling):
            assert refused(where) == gate.NOT_UPLOADED, spelling


def test_a_refusal_does_not_tell_whether_a_file_is_there(uploads: Path, tmp_path: Path) -> None:
    (tmp_path / "here.png").write_bytes(b"x")
    here, missing = (refused({"path": str(tmp_path / n)}) for n in ("here.png", "gone.png"))
    assert here == missing


def test_what_was_uploaded_comes_in(uploads: Path) -> None:
    (uploads / "a").mkdir()
    gate.check_body(json.dumps({"data": [{"path": f"{uploads}/a/x.png", "meta": META}]}).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'{"since": NaN}', b"[Infinity]", b"[1e999]", b"[%s]" % (b"9" * 40), b'["\\ud800"]',
        b'{"\\udfff": 1}', b"[" * 200 + b"]" * 200, b"[" * 10**5,
    ],
)  # fmt: skip
def test_values_that_end_in_a_bug_are_refused(body: bytes) -> None:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return  # the page itself says that this is no JSON
    with pytest.raises(UserError):
        gate.check_body(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(st.characters()),
    lambda parts: st.lists(parts) | st.dictionaries(st.text() | st.just("path"), parts),
)


@given(JSON)
@settings(max_examples=300, deadline=None)
def test_any_json_is_let_in_or_refused_in_one_sentence(value: object) -> None:
    try:
        gate.check_body(json.dumps(value).encode())
    except UserError as error:
        assert "\n" not in str(error) and len(str(error)) < 140
    else:
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()


@given(st.binary(max_size=300))
@settings(max_examples=300, deadline=None)
def test_any_bytes_are_let_in_or_refused(body: bytes) -> None:
    try:
        gate.check_body(body)
    except UserError:
        pass


# --- from where ----------------------------------------------------------------------------------


def refusal(method: str = "POST", **headers: str) -> str:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return gate.refusal_of(method, "/gradio_api/component_server", Headers(names))


@pytest.mark.parametrize("host", ["localhost:7860", "127.0.0.1", "127.3.2.1:1", "[::1]:7860"])
def test_ones_own_machine_asks_for_itself(host: str) -> None:
    assert not refusal(host=host) and not refusal(host=host, origin=f"http://{host}")


@pytest.mark.parametrize("host", ["evil.example:7860", "", "localhost.evil.example", "10.0.0.1"])
def test_a_name_that_was_pointed_here_is_refused(host: str) -> None:
    assert "own machine" in refusal(host=host) and "own machine" in refusal("GET", host=host)


@pytest.mark.parametrize("public", [False, True])
@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://localhost:9", "http://127.0.0.1"]
)
def test_another_page_steers_nothing(monkeypatch, public: bool, origin: str) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", str(int(public)))
    told = {"host": "localhost:7860", "x_forwarded_host": origin.removeprefix("https://")}
    assert "Another web page" in refusal(origin=origin, **told)


def test_a_space_answers_under_its_own_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPACE_ID", "ada/resnet")
    monkeypatch.setenv("SPACE_HOST", "ada-resnet.hf.space")
    assert not refusal(host="10.1.2.3:7860", origin="https://ada-resnet.hf.space")
    assert refusal(host="10.1.2.3:7860", origin="https://eve-resnet.hf.space")


# --- the served page -----------------------------------------------------------------------------


@pytest.fixture
def client(serve: Callable[..., Server]) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=serve().url, timeout=60) as opened:
        yield opened


def functions(config: dict) -> Iterator[tuple[int, str]]:
    """Every function that a panel's script may call."""
    for component in config["components"]:
        for name in component["props"].get("server_fns") or ():
            yield component["id"], name


def ask(client: httpx.Client, component: int, name: str, data: object) -> httpx.Response:
    body = {"component_id": component, "fn_name": name, "session_hash": "s", "data": data}
    return client.post("/gradio_api/component_server", json=body)


def test_no_function_of_a_panel_fails_on_what_a_stranger_sends(client: httpx.Client) -> None:
    odd = [{}, None, [], 3, "x", {"run": 5}, {"run": None}, {"run": {}, "lab": [], "job": {}}]
    odd.append({"run": "\0", "lab": "..", "kind": 7, "part": [], "runs": [1], "have": "x"})
    odd.append({"picture": "x", "model": 3, "n": "many", "off": 1, "guess": [1], "token": {}})
    named = list(functions(client.get("/config").json()))
    assert len(named) >= 20
    for component, name in named:
        for data in odd:
            answer = ask(client, component, name, data)
            assert answer.status_code < 500, (name, data)
            assert not any(word in answer.text for word in NEVER), (name, data)


def test_no_event_takes_a_file_that_was_not_uploaded(
    client: httpx.Client, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    secret = tmp_path / "home" / "secret.png"
    Image.new("RGB", (40, 40), "red").save(secret)
    file, config = {"path": str(secret)}, client.get("/config").json()
    for dependency in config["dependencies"]:
        data = {"fn_index": dependency["id"], "session_hash": "s"}
        data["data"] = [file for _ in dependency["inputs"]]
        if data["data"]:
            answer = client.post("/gradio_api/queue/join", json=data)
            assert answer.status_code == 400 and answer.json()["error"] == gate.NOT_UPLOADED
    for component, name in functions(config):
        assert ask(client, component, name, file).status_code == 400


def test_an_unknown_function_is_the_requests_mistake(client: httpx.Client) -> None:
    join = {"fn_index": 999, "data": [], "session_hash": "s"}
    assert 400 <= client.post("/gradio_api/queue/join", json=join).status_code < 500
    assert 400 <= ask(client, 99_999, "poll", {}).status_code < 500
    assert 400 <= client.post("/gradio_api/component_server", json={}).status_code < 500
    form = client.post("/gradio_api/component_server", files={"a": b"x"})
    assert 400 <= form.status_code < 500


def test_a_run_is_not_started_from_another_page(client, serve, pictures, tmp_path) -> None:
    from tests.conftest import small

    body = {"data": [small(pictures), ""]}
    foreign = {"Origin": "https://evil.example"}
    for path in ("/gradio_api/call/start", "/gradio_api/run/start", "/gradio_api/queue/join"):
        assert client.post(path, json=body, headers=foreign).status_code == 403
    assert client.get("/config", headers={"Host": "evil.example"}).status_code == 403
    assert control.run_names(Home(tmp_path / "home")) == []


def test_every_answer_says_who_may_frame_it_and_what_may_be_guessed(client) -> None:
    for path in ("/", "/config", "/bokeh/bokeh.min.js", "/nothing", "/gradio_api/file=/etc/passwd"):
        headers = client.get(path).headers
        assert headers["content-security-policy"] == "frame-ancestors 'self'", path
        assert headers["x-content-type-options"] == "nosniff", path
        assert headers["referrer-policy"] == "same-origin", path


def test_the_page_fetches_nothing_for_others(client: httpx.Client) -> None:
    for path in (
        "file=https://example.org/x",
        "file=http://127.0.0.1/",
        "proxy=https://a.hf.space",
    ):
        assert client.get(f"/gradio_api/{path}").status_code == 403
