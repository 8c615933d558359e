"""Estimates that a form asks for: the newest only, and never in the way of a run."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.subprocess_measurement import Estimates
from tests.conftest import ROOT, wait_until

LONG = TrainConfig(data="shapes", arch="resnet152", px=512, start_px=512, batch_size=512).options()


def test_a_run_that_starts_ends_the_estimate(home: Home, config: TrainConfig) -> None:
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(Estimates(home).ask, "estimate", *LONG)
        wait_until(lambda: is_held(home.path / "train.lock"))
        run = control.start(home, config)
        with pytest.raises(UserError, match="a run starts here"):
            asked.result(60)
    wait_until(lambda: control.read_run(home, run).state == "finished", 120)


def test_only_the_newest_choice_is_measured(home: Home, config: TrainConfig) -> None:
    estimates = Estimates(home)
    with ThreadPoolExecutor() as pool:
        first = pool.submit(estimates.ask, "estimate", *LONG)
        wait_until(lambda: is_held(home.path / "train.lock"))
        assert estimates.ask("estimate", *config.options())["seconds"] > 0
        with pytest.raises(UserError, match="another choice"):
            first.result(60)


PAGE = """
import sys
from pathlib import Path
from resnet_demo.config import Home
from resnet_demo.runs.subprocess_measurement import measured
measured(Home(Path(sys.argv[1])), "estimate", *sys.argv[2:])
"""


@pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="finds the child in /proc")
def test_an_estimate_ends_with_a_page_that_is_killed(home: Home) -> None:
    page = subprocess.Popen([sys.executable, "-c", PAGE, str(home.path), *LONG], cwd=ROOT)
    child = int(wait_until(lambda: children_of(page.pid)).split()[0])
    wait_until(lambda: b"estimate" in Path(f"/proc/{child}/cmdline").read_bytes())
    page.kill()
    page.wait()
    wait_until(lambda: is_dead(child))


def children_of(pid: int) -> str:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text()


def is_dead(pid: int) -> bool:
    """Gone, though nobody has asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True
