"""What is measured before a run."""

from dataclasses import replace

import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.augment import WHOLE
from resnet_demo.data.pixel_cache import CROP_MARGIN
from resnet_demo.errors import UserError
from resnet_demo.models import reference
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.training import estimate, preflight
from resnet_demo.training.estimate import Speed, ever_shorter, fitting, told
from resnet_demo.training.loop import Training
from resnet_demo.training.lr_finder import Tried, suggest
from tests.data.test_pixel_cache import drained

TRIED = [Tried(0.001, 2.0), Tried(0.1, 1.0), Tried(1.0, 3.0)]
FAST = Speed(step=(0.1, 1e-5), val=(0.0, 1e-5))


def test_seconds_are_steps_and_validations() -> None:
    config = TrainConfig(epochs=2, px=64, start_px=64, batch_size=10)
    step, val = 0.1 + 1e-5 * 64**2, 1e-5 * 64**2
    assert FAST.seconds(config, 100, 128) == pytest.approx(2 * (10 * step + val))


def test_nothing_is_validated_after_the_last_iteration() -> None:
    config = TrainConfig(epochs=30, px=64, start_px=64, batch_size=10, iterations=15)
    step, val = 0.1 + 1e-5 * 64**2, 1e-5 * 64**2
    assert FAST.seconds(config, 100, 128) == pytest.approx(15 * step + 2 * val)


def test_a_fast_machine_keeps_the_preset() -> None:
    config = TrainConfig(budget_seconds=480)
    assert fitting(config, Speed((0.1, 2e-5), (0.0, 1e-5)), 9469, 3925) == config


@pytest.mark.parametrize("per_pixel", [4e-5, 8e-5, 2e-4])
def test_a_slow_machine_shrinks_the_run_not_the_promise(per_pixel: float) -> None:
    config = TrainConfig(budget_seconds=480)
    slow = Speed((0.1, per_pixel), (0.0, 3e-5))
    fitted = fitting(config, slow, 9469, 3925)
    assert slow.seconds(fitted, 9469, 3925) <= 1.15 * 480
    assert fitted.px == 96 or (fitted.px, fitted.epochs) < (96, 4)


def test_pictures_shrink_while_they_are_clear_then_epochs_go_then_pictures_again() -> None:
    config = TrainConfig(budget_seconds=1, epochs=5, px=128)
    sizes = [(shorter.epochs, shorter.px) for shorter in ever_shorter(config)]
    assert sizes[:5] == [(5, 128), (5, 112), (5, 96), (4, 96), (3, 96)]
    assert sizes[5:] == [(3, 80), (3, 64), (3, 48), (3, 32)]
    small = TrainConfig(budget_seconds=1, epochs=4, px=48, start_px=32)
    assert [(s.epochs, s.px) for s in ever_shorter(small)] == [(4, 48), (3, 48), (3, 32)]


def test_no_budget_changes_nothing() -> None:
    config = TrainConfig()
    assert fitting(config, Speed((9.0, 9.0), (9.0, 9.0)), 9469, 3925) == config


def test_the_estimate_says_what_is_spared(config: TrainConfig) -> None:
    assert told(config, config) == "3 epochs to 16 px"
    fewer = told(config, replace(config, epochs=2))
    assert fewer == "2 epochs to 16 px instead of 3 to 16, so it will be right less often"


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
    ("seconds", "fastest"),
    [
        ((20.0,), 20.0),  # once is enough
        ((0.2, 0.05, 0.1), 0.05),
        ((1.7, 1.9, 0.65, 0.64), 0.64),  # on memory that is fresh until the third
        ((7.4, 3.0, 1.3, 1.2), 1.2),
        ((6.0, 5.0, 4.0), 4.0),
        ((0.9, 0.8, 0.7, 0.6, 0.5, 0.4), 0.4),
    ],
)
def test_what_is_measured_is_a_machine_that_is_warm(monkeypatch, seconds, fastest: float) -> None:
    clock = iter([moment for took in seconds for moment in (0.0, took)])
    monkeypatch.setattr(estimate.time, "perf_counter", clock.__next__)
    _, found = drained(estimate.timed(lambda: None))
    assert found == pytest.approx(fastest)
    assert next(clock, None) is None


def test_an_estimate_downloads_nothing(config: TrainConfig, home: Home) -> None:
    _, answer = drained(preflight.estimate(replace(config, data="imagenette"), home))
    assert (answer["num_train"], answer["num_val"]) == (9469, 3925)
    assert not list(home.downloads.iterdir())


def test_nothing_is_estimated_of_a_run_without_pictures(config: TrainConfig, home: Home) -> None:
    for data, many in ((config.data, 36), ("imagenette", 9469)):
        none_left = replace(config, data=data, val_from_train=many)
        with pytest.raises(UserError, match=f"{many} leaves nothing to train on"):
            drained(preflight.estimate(none_left, home))


def test_the_finder_suggests_a_rate_below_the_lowest_loss(config: TrainConfig, home: Home) -> None:
    seen, answer = drained(preflight.find_lr(config, home))
    rates = [point["lr"] for point in answer["tried"]]
    assert rates == sorted(rates) and rates[0] < answer["lr"] < rates[-1]
    assert seen[-1][0] == "Trying learning rates"


def test_the_finder_begins_where_the_run_would(
    config: TrainConfig, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the weights of `init`, on the pictures and at the side that the run has."""
    train_here(home, control.new_run(home, replace(config, epochs=4)))
    begun: list[Training] = []
    monkeypatch.setattr(preflight, "sweep", lambda training: begun.append(training) or TRIED)
    few = replace(config, init="run:0001", num_train=20, crop="pad", start_px=config.px)
    drained(preflight.find_lr(few, home))
    (training,) = begun
    learned = reference.load("run:0001", home).model.state_dict()
    assert all(torch.equal(p, learned[name]) for name, p in training.model.named_parameters())
    assert training.train.images.shape[:2] == (20, config.px)


@pytest.mark.parametrize("start_px, px, begins", [(16, 32, 16), (32, 16, 16)])
def test_the_finder_looks_at_pictures_as_large_as_the_first_epoch_s(
    config: TrainConfig, home: Home, monkeypatch, start_px: int, px: int, begins: int
) -> None:
    begun: list[Training] = []
    monkeypatch.setattr(preflight, "sweep", lambda training: begun.append(training) or TRIED)
    drained(preflight.find_lr(replace(config, start_px=start_px, px=px, num_train=20), home))
    (training,) = begun
    images, _ = training.batch(training.settings, training.indices(training.settings), WHOLE)
    assert images.shape[2:] == (begins, begins)
    assert training.train.images.shape[1] == round(begins * CROP_MARGIN)


def test_a_suggestion_has_two_digits() -> None:
    assert suggest(TRIED) == 0.033
