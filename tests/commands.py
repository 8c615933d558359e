"""`python -m resnet_demo ...` and `python app.py` as processes of their own that start at once:
forked from one that has imported torch, gradio and what the page and all commands share. So are
the runs and measurements that these start (`fork_what_is_started`).

With IMPATIENT in its environment it sleeps for a moment at most, however long others make it wait.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from multiprocessing import forkserver, process, reduction
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired
from types import SimpleNamespace
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600
FORKS = multiprocessing.get_context("forkserver")
OURS = ["resnet_demo.training.loop", "resnet_demo.ui.page", __name__]
FORKS.set_forkserver_preload(["torch.distributed.run", "torchvision", *OURS])
READ_AT_IMPORT = (
    "HF_",
    "GRADIO_",
    "OAUTH_",
    "OPENID_",
)  # how names of variables begin that READERS read then
READERS = ("huggingface_hub", "gradio", "gradio_client", "timm", "resnet_demo")
MOMENT = 0.02  # s


class Forked:
    """`python -m MODULE ...` or `python -c PROGRAM ...`; as `subprocess.Popen` in what it can be
    asked."""

    def __init__(
        self,
        words: list[str],
        environment: Mapping[str, str],
        files: tuple[int, int, int],
        start_new_session: bool = False,
    ) -> None:
        """files: what its stdin, stdout and stderr are."""
        self.words, handles = words, tuple(map(Handle, files))
        told = (words, dict(environment), handles, start_new_session)
        self.process = FORKS.Process(target=become, args=told)
        self.process.start()
        process._children.discard(self.process)  # else we would wait for it when we end

    @property
    def pid(self) -> int:
        assert self.process.pid
        return self.process.pid

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, seconds: float = SECONDS) -> int:
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutExpired(self.words, seconds)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Handle:
    """An open file that travels to the process that is told of it."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __reduce__(self) -> tuple[Callable[[object], int], tuple[object]]:
        return received, (reduction.DupFd(self.number),)


def received(handle: reduction.DupFd) -> int:
    return handle.detach()


class Started(Forked):
    """Told what `python` is told, by us."""

    def __init__(self, environment: dict[str, str], told: Path, *words: object) -> None:
        """told: a folder for the files stdout and stderr."""
        self.told = told
        with (
            open(os.devnull) as nothing,
            (told / "stdout").open("wb") as out,
            (told / "stderr").open("wb") as errors,
        ):
            files = (nothing.fileno(), out.fileno(), errors.fileno())
            super().__init__([str(word) for word in words], environment, files)

    def said(self) -> str:
        """Until now."""
        return "".join(path.read_text() for path in self.told.glob("std*"))


class Worker(Forked):
    """What the product starts by `subprocess.Popen([python, "-m", MODULE, ...], ...)`; torchrun
    too."""

    def __init__(
        self,
        args: Sequence[str],
        env: dict[str, str],
        stdin: int | None = None,
        stdout: IO[bytes] | int | None = None,
        stderr: IO[bytes] | int | None = None,
        start_new_session: bool = False,
    ) -> None:
        read, write = os.pipe()
        self.stdin = os.fdopen(write, "wb")
        with os.fdopen(read, "rb") as theirs, open(os.devnull, "r+b") as nothing:
            kinds = {subprocess.PIPE: theirs, subprocess.DEVNULL: nothing}
            given = enumerate((stdin, stdout, stderr))
            files = [n if file is None else kinds.get(file, file).fileno() for n, file in given]
            words = list(args[args.index("-m") + 1 :])
            super().__init__(words, env, tuple(files), start_new_session)

    returncode = property(Forked.poll)

    def terminate(self) -> None:
        if self.poll() is None:
            self.send_signal(signal.SIGTERM)

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *_: object) -> None:
        self.stdin.close()
        self.wait()


def fork_what_is_started() -> None:
    """In this process from here on: runs, measurements and readers of pickles by the product, ranks
    by torchrun."""
    from torch.distributed.elastic.multiprocessing.subprocess_handler import subprocess_handler

    from resnet_demo.models import convert
    from resnet_demo.runs import control, subprocess_measurement

    names = {name: getattr(subprocess, name) for name in ("PIPE", "DEVNULL")}
    for module in (control, subprocess_measurement):
        module.subprocess = SimpleNamespace(Popen=Worker, **names)
    subprocess_handler.Popen = Worker
    convert.subprocess = SimpleNamespace(run=run_forked, TimeoutExpired=TimeoutExpired)


def ranks() -> dict[str, int]:
    """The processes that torchrun started and that live, as {"rank0": pid}; on Linux."""
    server = forkserver._forkserver._forkserver_pid
    found = {}
    for pid in Path(f"/proc/{server}/task/{server}/children").read_text().split():
        with suppress(FileNotFoundError, ProcessLookupError):
            found[Path(f"/proc/{pid}/comm").read_text().strip()] = int(pid)
    return {name: pid for name, pid in found.items() if name.startswith("rank")}


def run_forked(args: Sequence[str], timeout: float, **_: object) -> CompletedProcess[str]:
    """What the product runs by `subprocess.run([python, "-m", MODULE, ...], ...)`."""
    return python(dict(os.environ), *args[args.index("-m") + 1 :], seconds=timeout)


def command(environment: dict[str, str], *words: object) -> CompletedProcess[str]:
    """`python -m resnet_demo ...`, to its end."""
    return python(environment, "resnet_demo", *words)


def python(
    environment: dict[str, str], *words: object, seconds: float = SECONDS
) -> CompletedProcess[str]:
    """As `Started`, to its end."""
    with tempfile.TemporaryDirectory() as place:
        process = Started(environment, Path(place), *words)
        code = process.wait(seconds)
        told = ((Path(place) / name).read_text() for name in ("stdout", "stderr"))
        return CompletedProcess(process.words, code, *told)


def become(
    words: list[str],
    environment: dict[str, str],
    files: tuple[int, int, int],
    start_new_session: bool,
) -> None:
    """`python` with these words, in this process."""
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    sys.stdin = open(0, closefd=False)
    if start_new_session:
        os.setsid()
    forkserver._forkserver.ensure_running = lambda: None  # ours; else it starts one of its own
    os.chdir(ROOT)
    if read_at_import(environment) != read_at_import(os.environ):
        for name in [name for name in sys.modules if name.split(".")[0] in READERS]:
            del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)
    if "IMPATIENT" in environment:
        time.sleep = lambda seconds, sleep=time.sleep: sleep(min(seconds, MOMENT))
    fork_what_is_started()
    if "RANK" in environment:  # by this a test finds it
        Path("/proc/self/comm").write_text("rank" + environment["RANK"])
    sys.argv = words
    try:
        if words[0] == "-c":
            sys.argv = [words.pop(0), *words[1:]]
            exec(words[0], {"__name__": "__main__"})
        else:
            runpy.run_module(words[0], run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # a child of multiprocessing leaves them out


def read_at_import(environment: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name.startswith(READ_AT_IMPORT)}
