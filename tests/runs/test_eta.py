"""What a page says is left is the work that comes: steps and validations, at the present speed."""

from dataclasses import replace

import pytest

from resnet_demo.config import TrainConfig
from resnet_demo.runs.eta import remaining_seconds, seconds_left
from resnet_demo.runs.snapshot import Run, RunSnapshot, unreadable

CONFIG = TrainConfig(px=128, start_px=128, epochs=4)


def snapshot(config: TrainConfig, num_train: int, step: int, steps: int, epoch: int) -> RunSnapshot:
    """At 10 pictures a second; a validation took 7 s."""
    row: Run = replace(
        unreadable("0001", ""), state="running", epochs=config.epochs, px=config.px,
        step=step, steps=steps, epoch=epoch,
    )  # fmt: skip
    facts = {"num_train": num_train}
    return RunSnapshot(row, config, facts, [], {"val_seconds": 7.0}, 10.0, None)  # type: ignore


@pytest.mark.parametrize("step, epoch", [(0, 0), (10, 1), (15, 1), (40, 3)])
def test_steps_at_the_present_speed_and_validations(step: int, epoch: int) -> None:
    left = remaining_seconds(snapshot(CONFIG, 640, step, 40, epoch))
    assert left == (40 - step) * 6.4 + (4 - epoch) * 7


def test_few_pictures_are_trained_in_smaller_batches_than_were_asked_for() -> None:
    """20 pictures: batches of 4, five an epoch."""
    assert remaining_seconds(snapshot(CONFIG, 20, 5, 20, 1)) == 15 * 0.4 + 3 * 7


def test_a_run_that_ends_within_its_epochs_is_validated_as_often_as_it_will_be() -> None:
    limited = replace(CONFIG, epochs=100, iterations=15)
    assert remaining_seconds(snapshot(limited, 640, 10, 15, 1)) == 5 * 6.4 + 7


def test_smaller_pictures_take_less() -> None:
    """An epoch of 64 pixels, one of 96 and three of 128."""
    growing = replace(CONFIG, start_px=64, epochs=5)
    left = remaining_seconds(snapshot(growing, 640, 20, 50, 2))
    early = remaining_seconds(snapshot(growing, 640, 0, 50, 0))
    assert left == 30 * 6.4 + 3 * 7
    assert early == round((1 + (96 / 64) ** 2 + 3 * 4) * 64 + 5 * 7)


def test_runs_that_take_turns_end_together() -> None:
    one = snapshot(CONFIG, 640, 20, 40, 2)
    assert seconds_left(one, [one, None]) == 2 * (20 * 6.4 + 2 * 7)


def test_what_does_not_train_has_no_time_left() -> None:
    begun = snapshot(CONFIG, 640, 20, 40, 2)
    assert remaining_seconds(replace(begun, row=replace(begun.row, state="paused"))) is None
    assert remaining_seconds(replace(begun, images_per_s=None)) is None
