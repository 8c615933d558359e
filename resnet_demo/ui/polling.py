"""Questions that open pages ask again and again: answered once for all viewers, at a pace that
stays cheap."""

import threading
import time
from collections.abc import Callable, Hashable
from dataclasses import dataclass, field
from typing import Any, TypeVar

QUICK_VIEWERS = 8  # so many pages may ask once a second; more share that rate
SLOWEST_SECONDS = 4.0
KEEP_SECONDS = 0.9  # how long an answer serves other viewers
T = TypeVar("T")


@dataclass
class Answer:
    """One answer, shared by the viewers that ask within a second."""

    made: float
    value: Any = None
    ready: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class Polling:
    """What the viewers of one panel share."""

    def __init__(self) -> None:
        self.kept: dict[tuple[Hashable, ...], Answer] = {}
        self.lock = threading.Lock()
        self.seen: dict[str, float] = {}  # viewer -> when it last asked

    def pace(self, viewer: object) -> float:
        """Seconds until a page should ask again: pages must stay cheap however many they are."""
        now = time.monotonic()
        with self.lock:
            self.seen[str(viewer)[:16]] = now
            self.seen = {v: at for v, at in self.seen.items() if now - at < 2 * SLOWEST_SECONDS}
            return min(SLOWEST_SECONDS, max(1.0, len(self.seen) / QUICK_VIEWERS))

    def cached(self, key: tuple[Hashable, ...], make: Callable[..., T], *arguments: object) -> T:
        """The answer made for another viewer a moment ago, or a new one."""
        with self.lock:
            now = time.monotonic()
            self.kept = {k: v for k, v in self.kept.items() if now - v.made < KEEP_SECONDS}
            answer = self.kept.setdefault(key, Answer(now))
        with answer.lock:  # viewers with the same question wait for one reading
            if not answer.ready:
                answer.value, answer.ready = make(*arguments), True
            return answer.value
