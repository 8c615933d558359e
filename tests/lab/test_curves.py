"""Lines of the live figure: append-only, the mean of the seeds."""

from functools import partial

import pytest

from resnet_demo.config import Home
from resnet_demo.lab.curves import BINS, curves, over_seeds, points_of
from resnet_demo.lab.store import Lab, snapshots
from resnet_demo.runs import control
from resnet_demo.runs.store import Store


def lines(home: Home, lab: Lab, have: dict[str, int]) -> dict[str, dict]:
    return curves(snapshots(home, lab, partial(points_of, have=have)))


def test_a_point_is_there_once_all_seeds_have_it() -> None:
    line = over_seeds([{1: 10.0, 2: 20.0, 3: 30.0}, {1: 14.0, 2: 26.0}])
    assert line["x"] == [1, 2] and line["mean"] == [12.0, 23.0]
    assert line["low"] == pytest.approx([12 - 8**0.5, 23 - 18**0.5], abs=0.01)


def test_one_seed_has_no_band() -> None:
    assert over_seeds([{5: 7.0}]) == {"x": [5], "mean": [7.0], "low": [7.0], "high": [7.0]}


def test_bins_are_means_of_whole_parts(home: Home, lab: Lab) -> None:
    run = lab.runs[0]
    width = 3
    with Store(control.run_folder(home, run)) as store:
        store.set(steps=width * BINS)
        for step in range(1, 12):
            store.add_metrics(step, {"error": float(step), "loss": 1.0})
    line = lines(home, lab, {})["plain8 train"]
    assert line["x"] == [3, 6, 9] and line["mean"] == [2.0, 5.0, 8.0]


def test_only_what_is_new_comes_and_adds_up_to_all(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    whole = lines(home, lab, {})
    assert set(whole) == {f"{kind}{depth} {part}" for kind in ("plain", "resnet")
                          for depth in (8, 14) for part in ("train", "val")}  # fmt: skip
    have = {key: line["x"][1] for key, line in whole.items()}
    rest = lines(home, lab, have)
    for key, line in whole.items():
        assert line["x"][:2] + rest[key]["x"] == line["x"]
        assert line["mean"][:2] + rest[key]["mean"] == line["mean"]
    assert lines(home, lab, {key: line["x"][-1] for key, line in whole.items()}) == {}


def test_validation_is_the_error_of_the_store(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    row = control.read_run(home, lab.runs[0])
    assert lines(home, lab, {})[f"{row.arch} val"]["mean"][-1] == pytest.approx(100 - row.top1)
