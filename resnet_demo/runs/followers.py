"""Several processes that train one run, started by torchrun: rank 0 is the worker, which holds the
run, obeys and writes; the others follow it.

    torchrun --nproc-per-node=2 -m resnet_demo train --data imagenette

A process that is killed ends all; torchrun's `--max-restarts` starts them again, and the run goes
on from its last checkpoint. Imports torch only where there are several.
"""

import os
import signal
import sqlite3
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NoReturn

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.progress import Progress, finish
from resnet_demo.runs import control, priority
from resnet_demo.runs.store import Store
from resnet_demo.training.changes import Change, with_changes

if TYPE_CHECKING:
    from resnet_demo.data.pixel_cache import Pixels
    from resnet_demo.training.loop import Training
    from resnet_demo.training.ranks import Ranks

SHARED = ("train", "resume")  # the commands that several processes can do together


def several() -> bool:
    """Whether torchrun started this process as one of several."""
    return int(os.environ.get("WORLD_SIZE", "1")) > 1


def is_follower() -> bool:
    return several() and os.environ.get("RANK", "0") != "0"


def check_command(command: str) -> None:
    """Raises UserError for a command that each process would do anew. Comes before torch is
    imported: torch's advice on settings that are on purpose is kept off the screen."""
    if several():
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if several() and command not in SHARED:
        raise UserError(
            f"torchrun starts {os.environ['WORLD_SIZE']} processes, and only "
            f"{' and '.join(SHARED)} share their work. Got '{command}': start it with python."
        )


@contextmanager
def leading() -> Iterator["Ranks | None"]:
    """Rank 0's side: None where it is alone; in the end the others are told to end."""
    if not several():
        yield None
        return
    from resnet_demo.training import ranks

    mine = ranks.join()
    try:
        yield mine
    finally:
        with suppress(ranks.RanksLost):
            mine.announce("end")
        ranks.leave()


def follow(home: Home) -> NoReturn:
    """Do what rank 0 announces, and end with it. Raises UserError when it is no longer heard."""
    from resnet_demo.training import ranks

    priority.give_way()
    mine, training = ranks.join(), None
    for number in (signal.SIGINT, signal.SIGTERM):  # from here on rank 0 decides, and saves first
        signal.signal(number, signal.SIG_IGN)
    while True:
        what, details = mine.hear()
        if what == "end":
            ranks.leave()
            raise SystemExit
        if what == "open":
            training = open_beside(mine, home, *details)
        elif training:
            training.obey(what, details)


def open_beside(
    ranks: "Ranks",
    home: Home,
    config: TrainConfig,
    changes: list[tuple[int, str, float]],
    threads: int,
) -> "Training":
    """The training that rank 0 opened, on this process's own view of the pixels."""
    from resnet_demo import device
    from resnet_demo.training.loop import Training

    device.prepare(threads)
    made = [Change(*change) for change in changes]
    classes, train, val = finish(load(config, made, home))
    return Training(config, train, val, classes, changes=made, ranks=ranks)


def load(
    config: TrainConfig, changes: list[Change], home: Home
) -> "Generator[Progress, None, tuple[int, Pixels, Pixels]]":
    """Number of classes, and the pixels of both splits."""
    from resnet_demo.data import open_data
    from resnet_demo.data.pixel_cache import load_pixels

    pictures = (yield from open_data(config.data, home)).used_by(config)
    train, val = yield from load_pixels(pictures, with_changes(config, changes), home)
    return len(pictures.classes), train, val


def begun_before(home: Home) -> str | None:
    """The run that these processes trained before torchrun started them again."""
    if os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0":
        return None
    for run in control.run_names(home):
        with suppress(UserError, sqlite3.Error), Store(control.run_folder(home, run)) as store:
            if store.fact("launcher") == os.getppid() and store.fact("state") != "finished":
                return run
    return None
