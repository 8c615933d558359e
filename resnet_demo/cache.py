"""Things that are slow to make and large to keep: made once, the least used are dropped."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class Cache(Generic[K, T]):
    """`get(key)` makes a thing or waits for whoever makes it; other keys never wait for it."""

    def __init__(self, make: Callable[[K], T], size: Callable[[T], int], limit_bytes: int) -> None:
        self.make, self.size, self.limit = make, size, limit_bytes
        self.entries: OrderedDict[K, Future[T]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: K) -> T:
        """Whatever making it raises is raised for all who wait, and tried again by the next."""
        with self.lock:
            mine = key not in self.entries
            future = self.entries.setdefault(key, Future())
            self.entries.move_to_end(key)
        if mine:
            self.compute(key, future)
        return future.result()

    def compute(self, key: K, future: Future[T]) -> None:
        try:
            future.set_result(self.make(key))
            self.drop_least_used()
        except BaseException as error:
            with self.lock:
                self.entries.pop(key, None)
            future.set_exception(error)

    def drop_least_used(self) -> None:
        """The last one used stays, however large."""
        with self.lock:
            while len(self.entries) > 1 and self.total() > self.limit:
                oldest = next((key for key, one in self.entries.items() if one.done()), None)
                if oldest is None or oldest == next(reversed(self.entries)):
                    return
                del self.entries[oldest]

    def total(self) -> int:
        return sum(self.size(future.result()) for future in self.entries.values() if future.done())
