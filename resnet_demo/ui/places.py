"""How much of the server one visitor, and all together, may take: bounded places, never a wait.

The page's functions run in a fixed number of threads; whoever waits in one takes it from others.
So what may take long has few places for each address and a few more for all, and the next is told
when to ask again. What open pages ask for every second has no part in this.
"""

import asyncio
import time
from collections import Counter, OrderedDict

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from resnet_demo.errors import Busy
from resnet_demo.ui.access import UPLOAD, is_public

THREADS = 80  # of the page's functions; Gradio's events hold at most half of them
AT_ONCE, ALL_AT_ONCE = 6, 24  # panel functions of one address, of all
# Of one address on a public page: so many at once, then so fast. A class may sit behind one, but
# with 120 and 4.0 one greedy visitor filled the page's queue (32) and others waited 2.7 s (p95).
EVENTS, EVENTS_A_SECOND = 30, 2.0
# Who asks too often hears so late: without that, 40 hands got 670 refusals a second and left a run
# beside them 12 % of its speed.
HELD_SECONDS, MOST_HELD = 1.0, 200
MOST_ADDRESSES = 5000
CHEAP = {"poll", "progress", "stop"}  # read from memory or one small file
PANELS = "/gradio_api/component_server"
EVENT_PATHS = (UPLOAD, "/gradio_api/queue/join", "/gradio_api/call/", "/gradio_api/run/")


class Places:
    """ASGI middleware; `ui.gate` has read the body and named the panel's function."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.inside: Counter[str] = Counter()  # panel functions at work, by address
        self.held = 0  # refusals that wait; each holds a connection and no thread
        self.events: OrderedDict[str, tuple[float, float]] = OrderedDict()  # left, counted when

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        path, address = scope["path"].rstrip("/"), (scope.get("client") or ("",))[0]
        if path.endswith(PANELS) and scope.get("panel_function") not in CHEAP:
            return await self.with_place(address, scope, receive, send)
        if is_public() and any(part in path for part in EVENT_PATHS) and not self.may_ask(address):
            busy = Busy()
            later = {"Retry-After": str(busy.retry_seconds)}
            refusal = JSONResponse({"error": str(busy), "detail": str(busy)}, 429, later)
            await self.hold()
            return await refusal(scope, receive, send)
        await self.app(scope, receive, send)

    async def with_place(self, address: str, scope: Scope, receive: Receive, send: Send) -> None:
        if self.inside[address] >= AT_ONCE or self.inside.total() >= ALL_AT_ONCE:
            busy = Busy()
            answer = JSONResponse({"error": str(busy), "retry": busy.retry_seconds})
            return await answer(scope, receive, send)
        self.inside[address] += 1
        try:
            await self.app(scope, receive, send)
        finally:
            self.inside[address] -= 1
            self.inside += Counter()  # forget who has none

    async def hold(self) -> None:
        if self.held < MOST_HELD:
            self.held += 1
            try:
                await asyncio.sleep(HELD_SECONDS)
            finally:
                self.held -= 1

    def may_ask(self, address: str) -> bool:
        """A bucket that fills again with time."""
        left, counted = self.events.pop(address, (float(EVENTS), 0.0))
        now = time.monotonic()
        left = min(EVENTS, left + EVENTS_A_SECOND * (now - counted))
        self.events[address] = (left - 1 if left >= 1 else left, now)
        while len(self.events) > MOST_ADDRESSES:
            self.events.popitem(last=False)
        return left >= 1
