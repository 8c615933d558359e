"""Estimates that a form asks for: the newest only, and never in the way of a run."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.subprocess_measurement import Estimates, options
from tests.conftest import wait_until

LONG = options(TrainConfig(data="shapes", arch="resnet152", px=512, start_px=512, batch_size=512))


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
        assert estimates.ask("estimate", *options(config))["seconds"] > 0
        with pytest.raises(UserError, match="another choice"):
            first.result(60)
