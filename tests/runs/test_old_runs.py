"""A run's folder is a promise: what an older version wrote opens, shows and goes on.

`fixtures/run-*.tar.xz`: schema 1, ended by SIGTERM at a step of 12 on "AMD EPYC, 2 cores, float32,
torch 2.14.1"; folders of epochs and weights were left out. The first was cut from pictures kept at
1.25 of their side, by a softer filter, than those since.
"""

import tarfile
from dataclasses import replace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import CUTTING
from resnet_demo.device import describe_machine
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.ui.requests import Cursor
from resnet_demo.ui.train.feed import Feed
from tests.conftest import ROOT
from tests.runs.test_worker import events_of

MACHINE = "AMD EPYC, 2 cores, float32, torch 2.14.1"
CUT_AT = {"run-2026-11": 7, "run-2026-11-29": 8}  # the step of its checkpoint


@pytest.fixture(params=CUT_AT)
def old(home: Home, request: pytest.FixtureRequest) -> tuple[Home, int]:
    with tarfile.open(ROOT / f"tests/fixtures/{request.param}.tar.xz") as archive:
        archive.extractall(home.path, filter="data")
    return home, CUT_AT[request.param]


def losses(home: Home, run: str) -> list[float]:
    with Store(control.run_folder(home, run)) as store:
        return [value for _, value in store.metrics(["loss"])["loss"]]


def test_it_is_listed_and_drawn(old: tuple[Home, int]) -> None:
    home, step = old
    (row,) = control.list_runs(home)
    assert (row.state, row.arch, row.step, row.steps) == ("interrupted", "resnet8", step, 12)
    points = Feed(home).series("0001", Cursor())
    assert points["lines"]["loss"][0] == list(range(1, step + 1))
    assert points["strip"]["blocks"] == ["stem", "layer1.0", "layer2.0", "layer3.0", "fc"]


def test_it_goes_on_where_it_was(old: tuple[Home, int]) -> None:
    """Bit by bit as one that is begun here, where machine and crops are the same; else it says
    that it does not."""
    home, step = old
    before = losses(home, "0001")
    with Store(control.run_folder(home, "0001")) as store:
        exact = describe_machine() == MACHINE and store.fact("cutting") == CUTTING
        fresh = control.new_run(home, store.config)
    assert train_here(home, fresh) == train_here(home, "0001") == "finished"
    after, wanted = losses(home, "0001"), losses(home, fresh)
    assert after[:step] == before and len(after) == 12
    assert after == (wanted if exact else pytest.approx(wanted, abs=0.1))
    assert bool(events_of(home, "0001", "not-exact")) is not exact


@pytest.mark.parametrize("crop", ["area", "pad"])
def test_padded_pictures_are_cut_as_ever(home: Home, config: TrainConfig, crop: str) -> None:
    run = control.new_run(home, replace(config, crop=crop, epochs=1))
    train_here(home, run)
    assert not events_of(home, run, "not-exact")
    with Store(control.run_folder(home, run)) as store:
        store.set(cutting=CUTTING - 1)
    train_here(home, run)  # as a worker of this version that goes on
    assert bool(events_of(home, run, "not-exact")) is (crop == "area")
