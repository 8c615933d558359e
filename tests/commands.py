"""`python -m resnet_demo ...` and `python app.py` as processes of their own that start at once:
forked from one that has imported torch, gradio and what the page and all commands share.

With IMPATIENT in its environment it sleeps for a moment at most, however long others make it wait.
"""

import atexit
import multiprocessing
import os
import runpy
import signal
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600
FORKS = multiprocessing.get_context("forkserver")
SHARED = ["torch.distributed", "torchvision", "resnet_demo.training.loop", "resnet_demo.ui.page"]
FORKS.set_forkserver_preload([*SHARED, __name__])
READ_AT_IMPORT = ("HF_", "GRADIO_")  # how names of variables begin that READERS read then
READERS = ("huggingface_hub", "gradio", "gradio_client", "timm", "resnet_demo")
MOMENT = 0.02  # s


class Started:
    """`python -m MODULE ...` or `python -c PROGRAM ...`; as `subprocess.Popen` in what it can be
    asked."""

    def __init__(self, environment: dict[str, str], told: Path, *words: object) -> None:
        """told: a folder for the files stdout and stderr."""
        self.words, self.told = [str(word) for word in words], told
        self.process = FORKS.Process(target=become, args=(self.words, environment, told))
        self.process.start()

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

    def said(self) -> str:
        """Until now."""
        return "".join(path.read_text() for path in self.told.glob("std*"))


def command(environment: dict[str, str], *words: object) -> CompletedProcess[str]:
    """`python -m resnet_demo ...`, to its end."""
    return python(environment, "resnet_demo", *words)


def python(environment: dict[str, str], *words: object) -> CompletedProcess[str]:
    """As `Started`, to its end."""
    with tempfile.TemporaryDirectory() as place:
        process = Started(environment, Path(place), *words)
        code = process.wait()
        told = ((Path(place) / name).read_text() for name in ("stdout", "stderr"))
        return CompletedProcess(process.words, code, *told)


def become(words: list[str], environment: dict[str, str], told: Path) -> None:
    """`python` with these words, in this process."""
    for number, name in enumerate(("stdout", "stderr"), 1):
        os.dup2(os.open(told / name, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(ROOT)
    if read_at_import(environment) != read_at_import(os.environ):
        for name in [name for name in sys.modules if name.split(".")[0] in READERS]:
            del sys.modules[name]
    os.environ.clear()
    os.environ.update(environment)
    if "IMPATIENT" in environment:
        time.sleep = lambda seconds, sleep=time.sleep: sleep(min(seconds, MOMENT))
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
