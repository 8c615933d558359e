"""Things that are slow to make and large to keep: made once, the least used are dropped."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future
from typing import Generic, TypeVar

T = TypeVar("T")


class Cache(Generic[T]):
    """`get(key)` makes a thing or waits for whoever makes it; other keys never wait for it."""

    def __init__(
        self, make: Callable[[Hashable], T], size: Callable[[T], int], limit_bytes: int
    ) -> None:
        self.make, self.size, self.limit = make, size, limit_bytes
        self.things: OrderedDict[Hashable, Future[T]] = OrderedDict()
        self.lock = threading.Lock()

    def get(self, key: Hashable) -> T:
        """Whatever making it raises is raised for all who wait, and tried again by the next."""
        with self.lock:
            mine = key not in self.things
            future = self.things.setdefault(key, Future())
            self.things.move_to_end(key)
        if mine:
            self.fulfil(key, future)
        return future.result()

    def fulfil(self, key: Hashable, future: Future) -> None:
        try:
            future.set_result(self.make(key))
            self.drop_least_used()
        except BaseException as error:
            with self.lock:
                self.things.pop(key, None)
            future.set_exception(error)

    def drop_least_used(self) -> None:
        """The last one used stays, however large."""
        with self.lock:
            while len(self.things) > 1 and self.total() > self.limit:
                oldest = next((key for key, one in self.things.items() if one.done()), None)
                if oldest is None or oldest == next(reversed(self.things)):
                    return
                del self.things[oldest]

    def total(self) -> int:
        return sum(self.size(future.result()) for future in self.things.values() if future.done())
