"""`python -m resnet_demo ...` as a process of its own that starts at once: forked from one that has
imported torch and what all commands share, and nothing that reads the environment when imported.

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
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600
FORKS = multiprocessing.get_context("forkserver")
SHARED = ["torch", "torch.distributed", "torchvision", "resnet_demo.training.loop", __name__]
FORKS.set_forkserver_preload(SHARED)
MOMENT = 0.02  # s


class Started:
    """`python -m MODULE ...` or `python -c PROGRAM ...`; as `subprocess.Popen` in what it can be
    asked."""

    def __init__(self, environment: dict[str, str], told: Path, *words: object) -> None:
        """told: a folder for the files stdout and stderr."""
        self.words = [str(word) for word in words]
        self.process = FORKS.Process(target=become, args=(self.words, environment, told))
        self.process.start()

    def poll(self) -> int | None:
        return self.process.exitcode

    def wait(self, seconds: float = SECONDS) -> int:
        self.process.join(seconds)
        if self.process.exitcode is None:
            self.kill()
            raise TimeoutExpired(self.words, seconds)
        return self.process.exitcode

    def send_signal(self, number: int) -> None:
        assert self.process.pid
        os.kill(self.process.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


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
    os.environ.clear()
    os.environ.update(environment)
    assert "huggingface_hub.constants" not in sys.modules  # which reads where the Hub is
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
