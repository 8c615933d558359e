"""Who may do what, and how large a request may be.

On a public page visitors watch; the owner (OAuth name) or whoever has the admin token steers.
Checked inside each function, since hiding a button protects nothing.
"""

import asyncio
import hashlib
import hmac
import importlib.util
import logging
import os
import re
import threading
import time
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import gradio as gr
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resnet_demo.config import FEATURED, IMAGENET_DEPTHS, Home
from resnet_demo.data.sources import is_here
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.refs import DataRef, ModelRef
from resnet_demo.ui.janitor import has_room

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 4 * 2**20  # of JSON; files go to the upload path
# Files of one upload together; a batch of photographs comes in one request, straight to disk.
MAX_UPLOAD_BYTES = {"public": 128 * 2**20, "own": 4 * 2**30}
UPLOAD = "/gradio_api/upload"
BODY_SECONDS = 30.0  # of silence in the middle of a request
TOO_LARGE = "A request may hold at most {} MB."
FULL = "The disk is nearly full: nothing can be uploaded now. Remove runs, or ask the owner to."
SILENT = "The rest of this request did not come. Send it again."
MOST_WRONG, WRONG_SECONDS, MOST_ADDRESSES = 5, 60.0, 1000  # tokens that are tried
PUBLIC_TIMM = tuple(f"timm:resnet{depth}" for depth in IMAGENET_DEPTHS)
OWNER = "owner"  # as a visitor
MAY_WRITE = ("admin", "write")  # roles in an organisation
LOOPBACK = ("127.0.0.1", "localhost", "::1")
PRIVATE_NETWORKS = "127.0.0.0/8,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16"


def is_public() -> bool:
    """A Space, a share link, an address that is not loop-back, or told so."""
    return bool(os.environ.get("SPACE_ID")) or os.environ.get("RESNET_DEMO_PUBLIC") == "1"


def know_visitors_by_address() -> None:
    """A Space's own proxies pass requests on: whom they name last is the visitor, for uvicorn too.

    What a stranger writes into X-Forwarded-For stands before that and is not believed.
    """
    if os.environ.get("SPACE_ID"):
        os.environ.setdefault("FORWARDED_ALLOW_IPS", PRIVATE_NETWORKS)


def owner() -> str | None:
    """The account that the Space belongs to."""
    space = os.environ.get("SPACE_ID", "")
    return os.environ.get("SPACE_AUTHOR_NAME") or space.partition("/")[0] or None


def may_steer(request: gr.Request | None, token: str = "") -> bool:
    """May this caller start, steer or delete runs?"""
    if not is_public():
        return True
    if token and TOKENS.is_right(token, address_of(request)):
        return True
    return owner() in accounts_of(request)


class Tokens:
    """The admin token, which cannot be found by trying: after MOST_WRONG different ones from an
    address none of its tokens is looked at for WRONG_SECONDS. Other addresses never wait for it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.wrong: OrderedDict[str, dict[bytes, float]] = OrderedDict()  # address -> when tried

    def is_right(self, token: str, address: str) -> bool:
        expected = os.environ.get("RESNET_DEMO_ADMIN_TOKEN", "")
        given = token.encode(errors="replace")
        if not expected or self.tried_too_often(address):
            return False
        right = hmac.compare_digest(expected.encode(), given)
        if not right:
            self.note(address, hashlib.sha256(given).digest())
        return right

    def tried_too_often(self, address: str) -> bool:
        with self.lock:
            since = time.monotonic() - WRONG_SECONDS
            tried = self.wrong.get(address, {}).values()
            return sum(at > since for at in tried) >= MOST_WRONG

    def note(self, address: str, digest: bytes) -> None:
        """One token is one guess, however often an open page sends it."""
        with self.lock:
            tried = self.wrong.setdefault(address, {})
            if digest not in tried:
                log.warning("A wrong admin token from %s.", address or "an unknown address")
            tried.setdefault(digest, time.monotonic())
            while len(tried) > MOST_WRONG:
                del tried[next(iter(tried))]
            while len(self.wrong) > MOST_ADDRESSES:
                self.wrong.popitem(last=False)


TOKENS = Tokens()


def address_of(request: gr.Request | None) -> str:
    client = getattr(request, "client", None)
    return getattr(client, "host", None) or ""


def accounts_of(request: gr.Request | None) -> set[str]:
    """Names on the Hub for which a visitor may act, out of the session that gr.LoginButton keeps:
    the own one, and those of organisations whose Spaces the visitor may change on the Hub too."""
    user = login_of(request).get("userinfo") or {}
    orgs = [org for org in user.get("orgs") or [] if org.get("roleInOrg") in MAY_WRITE]
    return {name for each in [user, *orgs] if (name := each.get("preferred_username"))}


def token_of(request: gr.Request | None) -> str | None:
    """The visitor's own token, for what they do in their own name; never kept or logged."""
    return login_of(request).get("access_token")


def login_of(request: gr.Request | None) -> Json:
    """Events come with Gradio's request, which holds Starlette's; panels' functions with that."""
    inner = getattr(request, "request", request)
    session = getattr(inner, "scope", {}).get("session") or {}
    return session.get("oauth_info") or {}


def can_sign_in() -> bool:
    """On a Space whose card asks for it (hf_oauth), and where what Gradio needs for it is there."""
    asked_for = os.environ.get("SPACE_ID") and os.environ.get("OAUTH_CLIENT_ID")
    return bool(asked_for) and importlib.util.find_spec("authlib") is not None


def require_steering(request: gr.Request | None, token: str = "") -> None:
    if not may_steer(request, token):
        raise UserError(
            "Visitors watch here; only the owner may start, steer or delete runs. "
            "Sign in as the owner or give the admin token."
        )


def check_model(reference: str) -> str:
    """On a public page visitors choose among the server's own networks and listed ones."""
    listed = ", ".join(PUBLIC_TIMM)
    if is_public() and reference not in PUBLIC_TIMM and not is_own(reference):
        raise UserError(f"On a public page networks are bundled, run:ID or one of: {listed}.")
    return reference


def featured() -> str | None:
    """The network that the page opens with, where it was made to show one. Raises UserError."""
    reference = os.environ.get(FEATURED) or None
    if reference:
        ModelRef.parse(reference)
    return reference


def is_own(reference: str) -> bool:
    if reference == featured():
        return True
    with suppress(UserError):
        return ModelRef.parse(reference).kind in ("bundled", "run")
    return False


def hides_names(data: str, owner: bool = False) -> bool:
    """On a public page nobody but its owner learns what files a folder of the server holds."""
    return is_public() and not owner and DataRef.parse(data).is_own


def check_shown(data: str, owner: bool = False) -> None:
    """On a public page visitors do not look into the server's folders."""
    if hides_names(data, owner):
        raise UserError("On a public page pictures come from the listed sources only.")


def measurable(data: str, home: Home) -> str:
    """Raises UserError for pictures that a stranger may not see, or would have downloaded."""
    data = data or "shapes"
    check_shown(data)
    if is_public() and not is_here(data, home):
        raise UserError(f"{data} is not on this machine. Take shapes.")
    return data


def redact_paths(text: str, data: str = "") -> str:
    """For strangers: on a public page no sentence shows where something lies on the server."""
    if not is_public():
        return text
    folder = DataRef.parse(data).rest if data.startswith("folder:") else ""
    known = [str(Path(folder).expanduser())] if folder else []
    for path in (*known, folder):
        text = text.replace(path, Path(path).name) if path else text
    return re.sub(r"(?:/[\w.~-]+){2,}/?", "…", text)


class BodyLimit:
    """ASGI middleware: a request body over the limit is answered with 413 and read no further."""

    def __init__(
        self, app: ASGIApp, max_bytes: int = MAX_BODY_BYTES, max_upload_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self.app, self.max_bytes, self.max_upload_bytes = app, max_bytes, max_upload_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        headers = dict(scope["headers"])
        most = self.max_upload_bytes if is_upload(scope["path"]) else self.max_bytes
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length[:20]) > most:
            return await refuse(send, 413, TOO_LARGE.format(most // 2**20))
        if is_upload(scope["path"]) and not has_room(int(length)):
            return await refuse(send, 507, FULL)
        seen = 0
        started = whole = False

        async def counting_receive() -> Message:
            nonlocal seen, whole
            wait = None if whole else BODY_SECONDS  # then it is the end of the connection
            message = await asyncio.wait_for(receive(), wait)
            seen += len(message.get("body", b""))
            whole = not message.get("more_body", False)
            if seen > most:
                raise TooLarge
            return message

        async def watching_send(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, counting_receive, watching_send)
        except TooLarge:
            if not started:
                await refuse(send, 413, TOO_LARGE.format(most // 2**20))
        except TimeoutError:
            if whole or started:
                raise
            await refuse(send, 408, SILENT)


def is_upload(path: str) -> bool:
    """The one path on which files come in, also where a proxy leaves its prefix in place."""
    prefix = urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).path.rstrip("/")
    return path.rstrip("/") in (UPLOAD, prefix + UPLOAD)


class TooLarge(Exception):
    """The body went over the limit."""


async def refuse(send: Send, status: int, sentence: str) -> None:
    text = sentence.encode()
    headers = [(b"content-type", b"text/plain"), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": text})
