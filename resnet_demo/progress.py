"""Long work tells how far it is: a generator of (what, done, total) that returns its result."""

from collections.abc import Callable, Generator
from typing import TypeVar

Progress = tuple[str, int, int]  # what is done; how much of it; of how much (0: not known)
ReportProgress = Callable[[str, int, int], None]
Result = TypeVar("Result")


def be_silent(what: str, done: int, total: int) -> None:
    """Nobody watches."""


def finish(work: Generator[Progress, None, Result], report: ReportProgress = be_silent) -> Result:
    """Run long work to its end, telling `report` how far it is."""
    while True:
        try:
            report(*next(work))
        except StopIteration as end:
            return end.value
