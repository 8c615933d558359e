"""A worker that kills itself (SIGKILL) at a chosen point: `python -m tests.runs.dying HOME
RUN,RUN POINT COUNT`."""

import os
import signal
import sys
from pathlib import Path

from resnet_demo import files
from resnet_demo.config import Home
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import Store
from resnet_demo.training import checkpoint, loop


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def kill_at_call(owner: object, name: str, count: int) -> None:
    """Die when `owner.name` is called for the count-th time."""
    original, calls = getattr(owner, name), []

    def wrapped(*args: object, **kwargs: object) -> object:
        calls.append(name)
        if len(calls) == count:
            die()
        return original(*args, **kwargs)

    setattr(owner, name, wrapped)


def half_write(path: Path, write: object) -> None:
    with path.with_name(f".{path.name}.{os.getpid()}.partial").open("wb") as file:
        file.write(b"half of it")
        file.flush()
        die()


def arm(point: str, count: int) -> None:
    if point == "step":
        kill_at_call(loop.Training, "train_step", count)
    elif point == "validation":
        kill_at_call(loop.Training, "validate_batch", count)
    elif point == "rows":
        kill_at_call(Store, "add_metrics", count)
    elif point == "rename":
        kill_at_call(files, "sync_folder", count)
    elif point == "checkpoint":
        original, calls = checkpoint.save_state, []

        def save_state(*args: object) -> None:
            calls.append(1)
            if len(calls) == count:
                checkpoint.write_whole = half_write
            original(*args)

        checkpoint.save_state = save_state


if __name__ == "__main__":
    home, runs, point, count = sys.argv[1:]
    arm(point, int(count))
    Scheduler(Home(Path(home)), runs.split(",")).work()
