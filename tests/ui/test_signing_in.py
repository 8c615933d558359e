"""Signing in with Gradio's own code, as on a Space; who a visitor is says a Hub on loop-back."""

import base64
import hashlib
import hmac
import importlib.util
import json
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from resnet_demo.ui.access import can_sign_in

KEY = b"of a hub that is none"
LIST = ["list", "", [], "", "folders", ""]
SCOPES = "openid profile contribute-repos"


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Provider(BaseHTTPRequestHandler):
    """Answers what a page asks before and after a visitor has signed in; `code` is what the visitor
    brought: a name and the page's nonce."""

    def do_GET(self) -> None:
        host = f"http://{self.headers['Host']}"
        told = {
            "/.well-known/openid-configuration": {
                "issuer": host, "authorization_endpoint": f"{host}/authorize",
                "token_endpoint": f"{host}/token", "jwks_uri": f"{host}/keys",
                "id_token_signing_alg_values_supported": ["HS256"],
            },
            "/keys": {"keys": [{"kty": "oct", "k": encoded(KEY), "kid": "1", "alg": "HS256"}]},
        }  # fmt: skip
        self.tell(told[self.path])

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        name, nonce = asked["code"][0].split(".")
        now = int(time.time())
        claims = {
            "iss": f"http://{self.headers['Host']}", "aud": "demo", "sub": name, "nonce": nonce,
            "iat": now, "exp": now + 600, "preferred_username": name,
        }  # fmt: skip
        parts = [json.dumps(part).encode() for part in ({"alg": "HS256", "kid": "1"}, claims)]
        signed = ".".join(map(encoded, parts))
        seal = encoded(hmac.new(KEY, signed.encode(), hashlib.sha256).digest())
        token = {"access_token": f"hf_{name}", "token_type": "Bearer", "expires_in": 600}
        self.tell(token | {"id_token": f"{signed}.{seal}"})

    def tell(self, answer: dict) -> None:
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def space() -> Iterator[dict[str, str]]:
    """The environment of a Space of ada's whose visitors can sign in."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        "SYSTEM": "spaces", "SPACE_ID": "ada/demo", "SPACE_AUTHOR_NAME": "ada",
        "SPACE_HOST": "ada-demo.hf.space",
        "OAUTH_CLIENT_ID": "demo", "OAUTH_CLIENT_SECRET": "secret", "OAUTH_SCOPES": SCOPES,
        "OPENID_PROVIDER_URL": f"http://127.0.0.1:{server.server_port}",
    }  # fmt: skip
    server.shutdown()
    server.server_close()


def signed_in(url: str, name: str) -> str:
    """The session's cookie: it is for https alone, so no client of http sends it by itself."""
    with httpx.Client(base_url=url, headers={"Host": "ada-demo.hf.space"}) as client:
        begun = client.get("/login/huggingface")
        asked = parse_qs(urlsplit(begun.headers["Location"]).query)
        back = {"code": f"{name}.{asked['nonce'][0]}", "state": asked["state"][0]}
        cookie = begun.headers["Set-Cookie"].split(";")[0]
        ended = client.get("/login/callback", params=back, headers={"Cookie": cookie})
    assert ended.status_code == 307, ended.text
    return ended.headers["Set-Cookie"].split(";")[0]


def may_steer(url: str, cookie: str) -> bool:
    """As the Train tab's script asks, and as a program begins."""
    with httpx.Client(base_url=url, headers={"Cookie": cookie}, timeout=60) as client:
        parts = client.get("/config").json()["components"]
        live = next(part["id"] for part in parts if part["props"].get("elem_id") == "live")
        question = {"session_hash": "x", "component_id": live, "fn_name": "poll", "data": {}}
        panel = client.post("/gradio_api/component_server/", json=question).json()["may_steer"]
        call = client.post("/gradio_api/call/dataset", json={"data": LIST}).json()["event_id"]
        program = '"datasets"' in client.get(f"/gradio_api/call/dataset/{call}").text
    assert panel == program
    return panel


def test_only_the_owner_steers_once_signed_in(serve: Callable, space: dict[str, str]) -> None:
    url = serve(**space).url
    assert not may_steer(url, "")
    assert may_steer(url, signed_in(url, "ada"))
    assert not may_steer(url, signed_in(url, "eve"))
    forged = signed_in(url, "eve").replace("=", "=x", 1)
    assert not may_steer(url, forged)


@pytest.mark.parametrize("lacks", ["OAUTH_CLIENT_ID", "authlib"])
def test_where_nobody_can_sign_in_the_page_is_there(
    lacks: str, space: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Space's card may not ask for it, and a container of one's own may lack the packages."""
    for name, value in space.items():
        monkeypatch.setenv(name, value)
    assert can_sign_in()
    monkeypatch.delenv(lacks, raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == lacks else found(name)
    )
    assert not can_sign_in()
