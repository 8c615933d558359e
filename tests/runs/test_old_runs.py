"""A run's folder is a promise: what an older version wrote opens, shows and goes on.

`fixtures/run-2026-11.tar.xz`: schema 1, ended by SIGTERM at step 7 of 12 on "AMD EPYC, 2 cores,
float32, torch 2.14.1"; its folder of epochs and its weights were left out.
"""

import tarfile

import pytest

from resnet_demo.config import Home
from resnet_demo.device import describe_machine
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.ui.requests import Cursor
from resnet_demo.ui.train.feed import Feed
from tests.conftest import ROOT

MACHINE = "AMD EPYC, 2 cores, float32, torch 2.14.1"


@pytest.fixture
def old(home: Home) -> Home:
    with tarfile.open(ROOT / "tests/fixtures/run-2026-11.tar.xz") as archive:
        archive.extractall(home.path, filter="data")
    return home


def losses(home: Home, run: str) -> list[float]:
    with Store(control.run_folder(home, run)) as store:
        return [value for _, value in store.metrics(["loss"])["loss"]]


def test_it_is_listed_and_drawn(old: Home) -> None:
    (row,) = control.list_runs(old)
    assert (row.state, row.arch, row.step, row.steps) == ("interrupted", "resnet8", 7, 12)
    points = Feed(old).series("0001", Cursor())
    assert points["lines"]["loss"][0] == [1, 2, 3, 4, 5, 6, 7]
    assert points["strip"]["blocks"] == ["stem", "layer1.0", "layer2.0", "layer3.0", "fc"]


def test_it_goes_on_where_it_was(old: Home) -> None:
    """Bit by bit as one that is begun here, where the machine is the same."""
    before = losses(old, "0001")
    with Store(control.run_folder(old, "0001")) as store:
        fresh = control.new_run(old, store.config)
    assert train_here(old, fresh) == train_here(old, "0001") == "finished"
    after = losses(old, "0001")
    assert after[:7] == before and len(after) == 12
    exact = describe_machine() == MACHINE
    assert after == (losses(old, fresh) if exact else pytest.approx(losses(old, fresh), abs=0.1))
