"""What is measured before a run."""

from dataclasses import replace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.training import estimate, preflight
from resnet_demo.training.estimate import Speed, fitting_px
from resnet_demo.training.lr_finder import Tried, suggest
from tests.data.test_pixel_cache import drained

FAST = Speed(step=(0.1, 1e-5), val=(0.0, 1e-5))


def test_seconds_are_steps_and_validations() -> None:
    config = TrainConfig(epochs=2, px=64, start_px=64, batch_size=10)
    step, val = 0.1 + 1e-5 * 64**2, 1e-5 * 64**2
    assert FAST.seconds(config, 100, 128) == pytest.approx(2 * (10 * step + val))


def test_a_fast_machine_keeps_the_presets_side() -> None:
    config = TrainConfig(budget_seconds=480)
    assert fitting_px(config, Speed((0.1, 2e-5), (0.0, 1e-5)), 9469, 3925) == 128


def test_a_slow_machine_shrinks_the_pictures_not_the_promise() -> None:
    config = TrainConfig(budget_seconds=480)
    slow = Speed((0.1, 8e-5), (0.0, 3e-5))
    px = fitting_px(config, slow, 9469, 3925)
    sized = replace(config, px=px, start_px=min(px, config.start_px))
    assert 32 <= px < 128 and slow.seconds(sized, 9469, 3925) <= 1.15 * 480


def test_no_budget_changes_nothing() -> None:
    assert fitting_px(TrainConfig(), Speed((9.0, 9.0), (9.0, 9.0)), 9469, 3925) == 128


def test_the_estimate_names_the_machine(config: TrainConfig, home: Home) -> None:
    _, answer = drained(preflight.estimate(config, home))
    assert answer["seconds"] > 0 and answer["num_train"] == 36
    assert answer["machine"] in answer["sentence"]


def test_what_was_measured_today_is_known(config: TrainConfig, home: Home) -> None:
    measured, first = drained(preflight.estimate(config, home))
    again, second = drained(preflight.estimate(config, home))
    assert measured and not again and first == second
    (home.caches / "speeds.json").write_text('{"damaged": [')
    assert drained(preflight.estimate(config, home))[0]


@pytest.mark.parametrize(
    ("seconds", "fastest"), [((5.0,), 5.0), ((0.6, 0.5), 0.5), ((0.2, 0.05, 0.1), 0.05)]
)
def test_what_takes_long_is_measured_once(monkeypatch, seconds, fastest: float) -> None:
    clock = iter([moment for took in seconds for moment in (0.0, took)])
    monkeypatch.setattr(estimate.time, "perf_counter", clock.__next__)
    _, found = drained(estimate.timed(lambda: None))
    assert found == pytest.approx(fastest)
    assert next(clock, None) is None


def test_an_estimate_downloads_nothing(config: TrainConfig, home: Home) -> None:
    _, answer = drained(preflight.estimate(replace(config, data="imagenette"), home))
    assert (answer["num_train"], answer["num_val"]) == (9469, 3925)
    assert not list(home.downloads.iterdir())


def test_the_finder_suggests_a_rate_below_the_lowest_loss(config: TrainConfig, home: Home) -> None:
    seen, answer = drained(preflight.find_lr(config, home))
    rates = [point["lr"] for point in answer["tried"]]
    assert rates == sorted(rates) and rates[0] < answer["lr"] < rates[-1]
    assert seen[-1][0] == "Trying learning rates"


def test_a_suggestion_has_two_digits() -> None:
    assert suggest([Tried(0.001, 2.0), Tried(0.1, 1.0), Tried(1.0, 3.0)]) == 0.033
