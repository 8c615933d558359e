"""Things that are slow to make and large to keep: made once, the least used are dropped."""

from collections.abc import Callable, Hashable
from threading import Condition
from typing import TypeVar

from cachetools import LRUCache, cached

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


def kept(make: Callable[[K], T], size: Callable[[T], int], limit_bytes: int) -> Callable[[K], T]:
    """`make`, that makes a thing or waits for whoever makes it; other keys never wait for it.

    Whatever `make` raises is raised, and tried again by the next. `cache` holds what is kept; the
    last one made stays, however large.
    """
    things: LRUCache[K, T] = LRUCache(limit_bytes, lambda thing: min(size(thing), limit_bytes))
    return cached(things, key=lambda key: key, condition=Condition())(make)
