"""The line of runs that wait for their turn: `queue/<time>-<run>`, one empty file each."""

import time

from resnet_demo.config import Home
from resnet_demo.runs.locks import is_held

GRACE_SECONDS = 10  # between a run's entry in the queue and its worker's lock


def enqueue(home: Home, run: str) -> None:
    """Put the run at the end of the line, unless it stands in it."""
    queue = home.path / "queue"
    queue.mkdir(exist_ok=True)
    if not list(queue.glob(f"*-{run}")):
        (queue / f"{time.time_ns():020d}-{run}").touch()


def dequeue(home: Home, run: str) -> None:
    for entry in (home.path / "queue").glob(f"*-{run}"):
        entry.unlink(missing_ok=True)


def line(home: Home) -> list[str]:
    """Runs that wait for their turn, in their order: those whose workers are alive, or about to
    be."""
    waiting = []
    for entry in sorted((home.path / "queue").glob("*-*")):
        stamp, run = entry.name.split("-", 1)
        if not stamp.isdecimal():
            continue  # a stray file
        age = (time.time_ns() - int(stamp)) / 1e9
        if 0 <= age < GRACE_SECONDS or is_held(home.run(run).lock):
            waiting.append(run)
        else:  # dead, or of a clock that was set back
            entry.unlink(missing_ok=True)
    return waiting


def ahead_of(home: Home, run: str) -> list[str]:
    """Runs that stand before this one in the line."""
    waiting = line(home)
    return waiting[: waiting.index(run)] if run in waiting else waiting
