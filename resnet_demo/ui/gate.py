"""What stands before every function of the page: who may ask from where, and what a request holds.

Two ASGI middlewares. `OwnPages` lets only this page's own scripts, and programs, ask; `CheckedJson`
lets no file name in that was not uploaded here, and nothing that is no plain JSON.
"""

import ipaddress
import json
import logging
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NoReturn
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui.access import is_public

log = logging.getLogger(__name__)
DEEPEST = 40  # lists within lists
MOST_DIGITS = 16  # of a whole number: JavaScript knows no larger ones either
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
FETCHES = ("file=http", "proxy=")  # Gradio would fetch an address for whoever asks
HUB_PAGES = "https://huggingface.co https://*.hf.space"  # a Space is shown in a frame of the Hub's
NOT_UPLOADED = (
    "Upload the file first, or once more if the server has begun anew: this request names one "
    "that was not uploaded here."
)
NOT_OURS = (
    "This request names a function or a value that the page does not have, or lacks one. Reload."
)


# --- from where ----------------------------------------------------------------------------------


class OwnPages:
    """Refuses what another web page asks for, and what comes under another machine's name.

    A page that a person visits can send requests to their own machine, and with a name that it
    points there (DNS rebinding) read the answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        send = with_headers(send)
        refusal = refusal_of(scope["method"], scope["path"], Headers(scope=scope))
        if refusal:
            return await refuse(403, refusal)(scope, receive, send)
        await self.app(scope, receive, send)


def refusal_of(method: str, path: str, headers: Headers) -> str:
    """Why a request is not answered; empty when it is."""
    host = headers.get("host", "")
    if not is_public() and not is_loopback(host):
        return (
            f"This page answers on its own machine only, not as '{host[:60]}'. Open it as "
            f"localhost, or serve it to others with --host."
        )
    origin = headers.get("origin")
    if method not in SAFE_METHODS and origin and not is_own(origin, headers):
        return "Another web page may not steer this one. Open the page itself."
    if any(f"/{fetch}" in path for fetch in FETCHES):
        return "This page fetches no addresses for others."
    return ""


def is_loopback(host: str) -> bool:
    """host: as in the header, with or without a port."""
    name = urlsplit(f"//{host}").hostname or ""
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_own(origin: str, headers: Headers) -> bool:
    """Whether an origin is the name under which the page was asked, or is known to be served. Not
    X-Forwarded-Host: another web page could send it too."""
    served = urlsplit(os.environ.get("GRADIO_ROOT_PATH", "")).netloc
    names = {headers.get("host", ""), os.environ.get("SPACE_HOST", ""), served}
    return urlsplit(origin).netloc in names - {""}


def with_headers(send: Send) -> Send:
    """Who may frame the page, and what a browser may guess and tell of it."""
    frames = f"'self' {HUB_PAGES}" if os.environ.get("SPACE_ID") else "'self'"
    headers = {
        "Content-Security-Policy": f"frame-ancestors {frames}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "same-origin",
    }

    async def send_with(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(headers)
        await send(message)

    return send_with


# --- what it holds -------------------------------------------------------------------------------


class CheckedJson:
    """Reads a JSON body before the page does. Refuses files that were not uploaded, and values that
    would end in a bug: NaN, endless numbers, half a character, lists in lists without end.

    Any object with a `path` is taken for a file, whatever else it holds, so this covers every
    function of today and tomorrow.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] in SAFE_METHODS or is_form(scope):
            return await self.guarded(scope, receive, send)
        body = await read_body(receive)
        try:
            value = check_body(body)
        except UserError as error:
            return await refuse(400, str(error))(scope, receive, send)
        if isinstance(value, dict):
            scope["panel_function"] = value.get("fn_name")
        await self.guarded(scope, replay(body, receive), send)

    async def guarded(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Our functions answer their own mistakes; what Gradio trips over is the request's."""
        started = False

        async def watching(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self.app(scope, receive, watching)
        except (KeyError, IndexError, TypeError, ValueError, AttributeError):
            if started:
                raise
            log.exception("%s %s", scope["method"], scope["path"])
            await refuse(400, NOT_OURS)(scope, receive, send)


def is_form(scope: Scope) -> bool:
    return Headers(scope=scope).get("content-type", "").lower().startswith("multipart/")


async def read_body(receive: Receive) -> bytes:
    """All of it: how long it may be is somebody else's rule."""
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def replay(body: bytes, receive: Receive) -> Receive:
    """The body once more, then whatever comes after it."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> Message:
        return waiting.pop() if waiting else await receive()

    return again


def check_body(body: bytes) -> object:
    """The value. Raises UserError. What is no JSON is left to the page, which refuses it itself."""
    try:
        value = json.loads(
            body, parse_constant=no_number, parse_float=finite, parse_int=whole_number
        )
        json.dumps(value, ensure_ascii=False).encode()
    except RecursionError:
        raise UserError("This request is nested too deep.") from None
    except UnicodeEncodeError:
        raise UserError("This request holds half a character (a lone surrogate).") from None
    except ValueError:
        return None
    for part in dicts_in(value):
        if "path" in part:
            check_uploaded(part["path"])
    return value


def no_number(text: str) -> NoReturn:
    raise UserError(f"{text} is not a number that a request may hold.")


def finite(text: str) -> float:
    value = float(text)
    return value if abs(value) < float("inf") else no_number(text[:20])


def whole_number(text: str) -> int:
    if len(text) > MOST_DIGITS + 1:
        raise UserError(f"A whole number may have {MOST_DIGITS} digits. Got {len(text)}.")
    return int(text)


def parts_of(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def dicts_in(value: object, depth: int = 0) -> Iterator[Json]:
    """Every object within a JSON value. Raises UserError when it is nested too deep."""
    if depth > DEEPEST:
        raise UserError("This request is nested too deep.")
    if isinstance(value, dict):
        yield value
    for part in parts_of(value):
        yield from dicts_in(part, depth + 1)


def check_uploaded(path: object) -> None:
    """The one rule for files that come in: in the upload folder, links resolved. The sentence says
    nothing of the path, so nobody learns what lies where."""
    from gradio.utils import get_upload_folder

    try:
        inside = isinstance(path, str) and Path(path).resolve().is_relative_to(
            Path(get_upload_folder()).resolve()
        )
    except (OSError, ValueError, RuntimeError):  # zero bytes, endless names, links in circles
        inside = False
    if not inside:
        raise UserError(NOT_UPLOADED)


def refuse(status: int, sentence: str) -> JSONResponse:
    return JSONResponse({"error": sentence, "detail": sentence}, status)
