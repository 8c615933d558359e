import copy
import math
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import Pixels, load_pixels
from resnet_demo.errors import UserError
from resnet_demo.training.changes import Change, changed
from resnet_demo.training.checkpoint import weights_digest
from resnet_demo.training.events import Diverged, EpochDone, StepDone, Validating
from resnet_demo.training.loop import Training
from resnet_demo.training.schedule import linear, px_at
from tests.data.test_pixel_cache import drained


@pytest.fixture
def splits(pictures: Path, home: Home) -> tuple[Pixels, Pixels]:
    return drained(load_pixels(folder(pictures), TrainConfig(px=16), home))[1]


def steps(events: list) -> list[StepDone]:
    return [event for event in events if isinstance(event, StepDone)]


def epochs(events: list) -> list[EpochDone]:
    return [event for event in events if isinstance(event, EpochDone)]


def test_a_run_is_steps_then_validation_epoch_by_epoch(config: TrainConfig, splits) -> None:
    events = list(Training(config, *splits, 3).run())
    kinds = [type(event) for event in events]
    assert kinds == ([StepDone] * 5 + [Validating, EpochDone]) * 3
    assert [event.step for event in steps(events)] == list(range(1, 16))
    assert [event.epoch for event in epochs(events)] == [1, 2, 3]


def test_it_learns_what_can_be_learnt(config: TrainConfig, splits) -> None:
    longer = replace(config, epochs=8)
    assert epochs(list(Training(longer, *splits, 3).run()))[-1].metrics["top1"] > 80


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_two_runs_of_one_seed_are_one(optimizer: str, config: TrainConfig, splits) -> None:
    results = []
    for _ in range(2):
        training = Training(replace(config, optimizer=optimizer, ema=0.9), *splits, 3)
        losses = [event.metrics["loss"] for event in steps(list(training.run()))]
        results.append((losses, weights_digest(training.best_model.state_dict())))
    assert results[0] == results[1]
    other = Training(replace(config, optimizer=optimizer, ema=0.9, seed=1), *splits, 3)
    assert steps(list(other.run()))[0].metrics["loss"] != results[0][0][0]


@pytest.mark.parametrize("cut", [3, 5, 6, 12])
def test_a_state_goes_on_as_if_nothing_had_happened(cut: int, config, splits) -> None:
    config = replace(config, ema=0.9, start_px=16, px=16)
    whole = Training(config, *splits, 3)
    reference = list(whole.run())
    first = Training(config, *splits, 3)
    head = []
    for event in first.run():
        head.append(event)
        if isinstance(event, StepDone) and event.step == cut:
            break
    second = Training(config, *splits, 3)
    second.load(first.state())
    both = head + list(second.run())
    assert weights_digest(whole.best_model.state_dict()) == weights_digest(
        second.best_model.state_dict()
    )
    for name in ("train_loss", "train_error", "val_loss", "top1"):
        assert [e.metrics[name] for e in epochs(both)] == [
            e.metrics[name] for e in epochs(reference)
        ]


def test_a_changed_learning_rate_holds_from_its_step_on(config: TrainConfig, splits) -> None:
    events = steps(list(Training(config, *splits, 3, changes=[Change(7, "lr", 0.001)]).run()))
    plain = steps(list(Training(config, *splits, 3).run()))
    rates = [(a.metrics["lr"], b.metrics["lr"]) for a, b in zip(events, plain)]
    assert all(ours == theirs for ours, theirs in rates[:7])
    assert all(math.isclose(ours, theirs / 10) for ours, theirs in rates[7:])


def test_more_epochs_may_be_asked_for_while_it_runs(config: TrainConfig, splits) -> None:
    events = list(Training(config, *splits, 3, changes=[Change(4, "epochs", 5)]).run())
    assert epochs(events)[-1].epoch == 5
    assert steps(events)[-1].metrics["lr"] < 0.1 * config.lr


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("lr", "fast", "must be a number"),
        ("lr", "nan", "lr must lie between"),
        ("lr", "-1", "lr must lie between"),
        ("epochs", "2.5", "whole number"),
        ("epochs", "inf", "whole number"),
        ("px", "64", "lr, epochs"),
    ],
)
def test_a_change_that_makes_no_sense_is_refused(name, value, says, config) -> None:
    with pytest.raises(UserError, match=says):
        changed(config, name, value)


@pytest.mark.parametrize("broken", ["loss", "gradient"])
def test_a_number_that_is_none_stops_before_the_step(broken, config, splits, monkeypatch) -> None:
    training = Training(config, *splits, 3)
    events = training.run()
    next(events), next(events)
    before = weights_digest(training.model.state_dict())
    if broken == "loss":
        monkeypatch.setattr(
            torch.nn.functional, "cross_entropy", lambda x, *_, **__: x.sum() * float("nan")
        )
    else:
        training.model.fc.weight.register_hook(lambda gradient: gradient * float("inf"))
    with pytest.raises(Diverged, match=rf"The {broken}.* at step 3 .*lower lr"):
        next(events)
    assert weights_digest(training.model.state_dict()) == before
    assert training.step == 2


def test_a_batch_larger_than_the_data_is_refused(config: TrainConfig, splits) -> None:
    with pytest.raises(UserError, match=r"batch_size 64 is larger .*\(36 pictures\)"):
        Training(replace(config, batch_size=64), *splits, 3)


def test_global_random_state_is_left_alone(config: TrainConfig, splits) -> None:
    before = torch.random.get_rng_state()
    for _ in zip(range(3), Training(config, *splits, 3).run()):
        pass
    assert torch.equal(before, torch.random.get_rng_state())


def test_norms_are_those_of_each_blocks_parameters(config: TrainConfig, splits) -> None:
    training = Training(config, *splits, 3)
    event = training.train_step()
    gradients = [
        parameter.grad.flatten()
        for name, parameter in training.model.named_parameters()
        if name.startswith("layer2.0.")
    ]
    measured = event.metrics["param_grad_norm/layer2.0"]
    assert math.isclose(measured, torch.cat(gradients).norm().item(), rel_tol=1e-5)
    blocks = {name.split("/")[1] for name in event.metrics if "/" in name}
    assert blocks == {"stem", "layer1.0", "layer2.0", "layer3.0", "fc"}
    assert not [name for name in training.train_step().metrics if "/" in name]


def test_the_average_is_what_is_validated(config: TrainConfig, splits) -> None:
    training = Training(replace(config, ema=0.9), *splits, 3)
    list(training.run())
    assert training.best_model is not training.model
    assert not torch.equal(training.best_model.fc.weight, training.model.fc.weight)


def test_the_learning_rate_rises_and_falls_to_zero() -> None:
    rates = [linear(i / 100, 2.0, 0.1) for i in range(101)]
    assert rates[0] == rates[100] == 0 and max(rates) == rates[10] == 2.0
    assert linear(0, 1.0, 0.0) == 1.0


def test_pictures_grow_to_their_final_side() -> None:
    assert [px_at(epoch / 5, 96, 128) for epoch in range(5)] == [96, 112, 128, 128, 128]
    assert px_at(0, 20, 20) == 20


def test_validation_pictures_may_be_larger_than_crops(pictures: Path, home: Home) -> None:
    config = TrainConfig(px=16, val_scale=1.25)
    _, (train, val) = drained(load_pixels(folder(pictures), config, home))
    assert (config.val_px, val.images.shape[1]) == (20, 20)
    training = Training(replace(config, arch="resnet8", batch_size=4), train, val, 2)
    settings = training.settings
    images, _ = training.batch(settings, training.indices(settings), slice(None))
    assert images.shape[-1] == 16


def test_iterations_end_a_run_inside_an_epoch(config: TrainConfig, splits) -> None:
    training = Training(replace(config, iterations=7), *splits, 3)
    events = list(training.run())
    done = [(event.epoch, event.step) for event in events if isinstance(event, EpochDone)]
    assert done == [(1, 5), (2, 7)] and training.total_steps == 7
    assert list(training.run()) == []


def test_the_gentle_start_survives_a_resume(config: TrainConfig, splits) -> None:
    paper = replace(config, arch="resnet110", schedule="steps", crop="pad", optimizer="sgd", lr=0.1)
    training, again = (Training(paper, *splits, 3) for _ in range(2))
    assert training.train_step().metrics["lr"] == pytest.approx(0.01)
    again.load(training.state())
    assert again.gentle == training.gentle and len(again.gentle.errors) == 1


def test_weights_that_the_last_step_of_an_epoch_spoilt_are_not_validated(config, splits) -> None:
    training = Training(config, *splits, 3)
    with pytest.raises(Diverged, match="a logit stopped being .* at step 5 .* Choose a lower lr"):
        for _ in training.run():
            if training.step == training.steps_per_epoch:  # before the validation
                training.model.fc.weight.data.fill_(math.inf)


def test_a_wide_network_goes_on_bit_for_bit(splits) -> None:
    """Its gradients come as matrix products where a CPU has bfloat16 (`models.conv`)."""
    config = TrainConfig(
        arch="resnet18", px=16, start_px=16, batch_size=8, epochs=2, ema=0.9, sam_radius=0.1,
        paired_filters=True, cutmix=0.5,
    )  # fmt: skip
    whole, resumed = (Training(config, *splits, 3) for _ in range(2))
    for _ in range(2):
        whole.train_step()
    resumed.load(copy.deepcopy(whole.state()))
    for training in (whole, resumed):
        for _ in range(2):
            training.train_step()
    for a, b in zip(whole.model.state_dict().values(), resumed.model.state_dict().values()):
        assert torch.equal(a, b)
