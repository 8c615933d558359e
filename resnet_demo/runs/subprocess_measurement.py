"""What is no run and takes long: a command in a process of its own. What takes all cores is done
one at a time, and never beside a run.

Imports no torch: the page asks here.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import IO

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress, finish
from resnet_demo.runs import priority
from resnet_demo.runs.control import child_environment
from resnet_demo.runs.locks import try_lock
from resnet_demo.runs.queue import line

POLL_SECONDS = 0.1
FOR_A_PARENT = "RESNET_DEMO_FOR_A_PARENT"  # in the environment of a measuring child
GAVE_WAY = "Measured no further: a run starts here, or another choice was made."


class Estimates:
    """What a form asks before Start: only its newest choice is measured, and never while a run
    waits for the cores."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.numbers = count()
        self.newest = -1

    def ask(self, command: str, *words: str) -> Json:
        """The JSON of a command. Raises UserError when it gave way, too."""
        mine = self.newest = next(self.numbers)
        return measured(
            self.home, command, *words,
            wanted=lambda: mine == self.newest and not line(self.home),
        )  # fmt: skip


def evaluate(home: Home, model: str, data: str, split: str) -> Json:
    """The JSON of the command `evaluate`, computed in a process of its own."""
    return measured(home, "evaluate", f"--data={data}", f"--split={split}", "--", model)


def export(home: Home, model: str, format: str, out: Path) -> Json:
    """The JSON of the command `export`; a run may train meanwhile."""
    words = ("export", f"--format={format}", f"--out={out}", "--", model)
    with closing(child(home, lambda: ("Exporting", 0, 0), *words)) as steps:
        return finish(steps)


def push(
    home: Home,
    model: str,
    repo: str,
    license: str,
    private: bool,
    space: bool,
    token: str | None,
) -> Json:
    """The JSON of the command `push`. token: whose account it goes to; None: this machine's."""
    wanted = [word for word, on in (("--private", private), ("--space", space)) if on]
    words = ["push", f"--license={license}", *wanted, "--", model, repo]
    account = {"HF_TOKEN": token} if token else {}
    with closing(child(home, lambda: ("Pushing", 0, 0), *words, environment=account)) as steps:
        return finish(steps)


def measured(
    home: Home, command: str, *words: str, wanted: Callable[[], bool] = lambda: True
) -> Json:
    """Raises UserError when the command refuses, when a run under way would spoil it, and when it
    is not wanted any more."""

    def check_wanted(*_: object) -> None:
        if not wanted():
            raise UserError(GAVE_WAY)

    with closing(followed(home, lambda: ("Measuring", 0, 0), command, *words)) as steps:
        return finish(steps, check_wanted)


def followed(
    home: Home, progress: Callable[[], Progress], command: str, *words: str
) -> Generator[Progress, None, Json]:
    """As `child`, with all cores to itself."""
    with alone(home):
        return (yield from child(home, progress, command, *words))


def child(
    home: Home,
    progress: Callable[[], Progress],
    command: str,
    *words: str,
    environment: Mapping[str, str] = MappingProxyType({}),
) -> Generator[Progress, None, Json]:
    """The JSON of a command, computed in a process of its own that ends when this is closed."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as errors:
        with subprocess.Popen(
            command_line(home, command, *words),
            stdin=subprocess.PIPE,  # closed by the system when we are killed
            stdout=out,
            stderr=errors,
            env={**child_environment(), FOR_A_PARENT: "1", **environment},
        ) as process:
            try:
                while process.poll() is None:
                    yield progress()
                    time.sleep(POLL_SECONDS)
            finally:
                process.terminate()
        refuse_failure(process.returncode, text_of(errors))
        answer: Json = json.loads(text_of(out).splitlines()[-1])
        return answer


def end_with_parent() -> None:
    """Called by the child of a page: nobody waits for it any more once its standard input is
    closed."""

    def wait() -> None:
        os.read(sys.stdin.fileno(), 1)
        os.kill(os.getpid(), signal.SIGKILL)

    if os.environ.get(FOR_A_PARENT):
        priority.give_way()
        threading.Thread(target=wait, daemon=True).start()


def alone(home: Home) -> IO[str]:
    """The lock that keeps runs from training meanwhile."""
    home.make()
    lock = try_lock(home.path / "train.lock", patience=2)  # another that gives way
    if lock is None:
        raise UserError("A run is under way here; measure when it is over, or pause and stop it.")
    return lock


def command_line(home: Home, command: str, *words: str) -> list[str]:
    options = ["--json", "--home", str(home.path)]
    return [sys.executable, "-m", "resnet_demo", command, *options, *words]


def refuse_failure(status: int, said: str) -> None:
    if status:
        raise UserError(said.strip().splitlines()[-1] if said.strip() else "It failed.")


def text_of(file: IO[str]) -> str:
    file.seek(0)
    return file.read()
