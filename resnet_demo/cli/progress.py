"""Long work shown on the command line."""

from collections.abc import Generator
from typing import TYPE_CHECKING, NoReturn

from resnet_demo.progress import Progress, Result, finish

if TYPE_CHECKING:
    from tqdm import tqdm


class ProgressBars:
    """One tqdm bar at a time on standard error, when that is a terminal."""

    def __init__(self) -> None:
        self.bar: tqdm[NoReturn] | None = None
        self.what = ""

    def __enter__(self) -> "ProgressBars":
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.close()

    def show(self, what: str, done: int, total: int) -> None:
        from tqdm import tqdm

        if self.bar is None or what != self.what:
            self.__exit__()
            self.bar, self.what = tqdm(total=total, desc=what, disable=None, leave=False), what
        self.bar.total = total
        self.bar.update(done - self.bar.n)

    def follow(self, work: Generator[Progress, None, Result]) -> Result:
        """Run long work to its end, showing it."""
        return finish(work, self.show)
