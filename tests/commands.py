"""`python -m resnet_demo ...` as a process of its own that starts at once: forked from one that has
imported torch and what all commands share, and nothing that reads the environment when imported."""

import atexit
import multiprocessing
import os
import sys
import tempfile
from pathlib import Path
from subprocess import CompletedProcess, TimeoutExpired

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 600
FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload(["torch", "torch.distributed", "resnet_demo.training.loop", __name__])


def command(environment: dict[str, str], *words: object) -> CompletedProcess[str]:
    """To its end."""
    with tempfile.TemporaryDirectory() as place:
        told = [Path(place, name) for name in ("stdout", "stderr")]
        line = [str(word) for word in words]
        process = FORKS.Process(target=become, args=(line, environment, *map(str, told)))
        process.start()
        process.join(SECONDS)
        if process.exitcode is None:
            process.kill()
            raise TimeoutExpired(line, SECONDS)
        return CompletedProcess(line, process.exitcode, *(path.read_text() for path in told))


def become(words: list[str], environment: dict[str, str], *told: str) -> None:
    """The command, in this process."""
    for number, path in enumerate(told, 1):
        os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT), number)
    os.chdir(ROOT)
    os.environ.clear()
    os.environ.update(environment)
    assert "huggingface_hub.constants" not in sys.modules  # which reads where the Hub is
    sys.argv = ["resnet_demo", *words]
    from resnet_demo.cli.main import main

    try:
        sys.exit(main())
    finally:
        atexit._run_exitfuncs()  # a child of multiprocessing leaves them out
