"""Only the classifier is trained: the rest stays as it was, bit for bit."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import open_data
from resnet_demo.data.augment import normalise, whole_batch
from resnet_demo.data.pixel_cache import Pixels, load_pixels
from resnet_demo.errors import UserError
from resnet_demo.models import build
from resnet_demo.progress import finish
from resnet_demo.training.events import EpochDone
from resnet_demo.training.head import (
    HeadTraining,
    before_classifier,
    kept_features,
    make_training,
)
from resnet_demo.training.loop import Training
from tests.conftest import small


@pytest.fixture
def config(pictures: Path) -> TrainConfig:
    return TrainConfig(**small(pictures) | {"init": "bundled", "freeze": "backbone", "epochs": 20})


def opened(config: TrainConfig, home: Home) -> tuple[HeadTraining, Pixels, Pixels]:
    found = finish(open_data(config.data, home))
    train, val = finish(load_pixels(found, config, home))
    torch.manual_seed(0)
    weights = build(config.arch, 3).state_dict()
    training = make_training(config, train, val, 3, weights=weights)
    assert isinstance(training, HeadTraining)
    finish(training.prepare(home.caches))
    return training, train, val


def test_the_classifier_learns_and_nothing_else_moves(config: TrainConfig, home: Home) -> None:
    training, _, _ = opened(config, home)
    before = {name: t.clone() for name, t in training.model.state_dict().items()}
    epochs = [event for event in training.run() if isinstance(event, EpochDone)]
    after = training.model.state_dict()
    moved = {name for name, value in after.items() if not torch.equal(value, before[name])}
    assert moved == {"fc.weight", "fc.bias"}
    assert epochs[-1].metrics["train_loss"] < epochs[0].metrics["train_loss"]
    assert epochs[-1].metrics["top1"] > 60


@pytest.mark.parametrize(
    "settings",
    [
        dict(optimizer="sgd"), dict(optimizer="muon"), dict(schedule="steps"), dict(ema=0.9),
        dict(balance="loss"), dict(balance="sampling"), dict(crop="pad"), dict(cutmix=0.5),
        dict(sam_radius=0.5), dict(paired_filters=True), dict(backbone_lr=0.0),
        dict(label_smoothing=0.5), dict(probe_every=1), dict(sync_norms=True), dict(iterations=1),
    ],
    ids=str,
)  # fmt: skip
def test_every_other_setting_works_with_it_or_is_refused_before_it_begins(
    settings: dict[str, Any], config: TrainConfig, home: Home
) -> None:
    try:
        chosen = replace(config, epochs=1, **settings)
    except UserError:
        return
    training, _, _ = opened(chosen, home)
    assert [event.epoch for event in training.run() if isinstance(event, EpochDone)] == [1]


def test_its_accuracy_is_that_of_the_whole_network(config: TrainConfig, home: Home) -> None:
    training, _, val = opened(config, home)
    *_, last = (event for event in training.run() if isinstance(event, EpochDone))
    images, labels = whole_batch(val, range(len(val)))
    with torch.inference_mode():
        called = training.model.eval()(normalise(images)).argmax(1)
    assert last.metrics["top1"] == pytest.approx(100 * (called == labels).float().mean().item())


def test_features_are_worked_out_once(
    config: TrainConfig, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, train, val = opened(config, home)
    monkeypatch.setattr("resnet_demo.training.head.before_classifier", None)
    again, _, _ = opened(config, home)
    assert first.train_features is not None and again.train_features is not None
    assert torch.equal(first.train_features, again.train_features)


@pytest.mark.parametrize("damage", ["cut", "emptied", "a byte flipped"])
def test_damaged_features_are_worked_out_again(
    damage: str, config: TrainConfig, home: Home
) -> None:
    first, _, _ = opened(config, home)
    for path in home.caches.glob("*.features.npz"):
        whole = bytearray(path.read_bytes())
        whole[len(whole) // 2] ^= 1
        path.write_bytes({"cut": whole[:-50], "emptied": b""}.get(damage, bytes(whole)))
    again, _, _ = opened(config, home)
    assert first.train_features is not None and again.train_features is not None
    assert torch.equal(first.train_features, again.train_features)
    assert torch.equal(first.val_features, again.val_features)


def test_an_untrained_network_and_its_twin_have_features_of_their_own(
    config: TrainConfig, home: Home
) -> None:
    _, train, _ = opened(config, home)
    kept = []
    for arch in ("plain8", "resnet8"):
        torch.manual_seed(0)
        model = build(arch, 3, zero_init=False)
        kept.append(finish(kept_features(model, arch, home.caches, train, False)))
    assert not torch.equal(*kept)


def test_a_mirror_image_has_features_of_its_own(config: TrainConfig, home: Home) -> None:
    training, train, _ = opened(config, home)
    images, _ = whole_batch(train, range(len(train)))
    assert training.train_features is not None
    for mirrored, pictures in enumerate((images, images.flip(3))):
        expected = before_classifier(training.model, normalise(pictures))
        torch.testing.assert_close(training.train_features[mirrored], expected)


def test_it_resumes_exactly(config: TrainConfig, home: Home) -> None:
    whole, _, _ = opened(config, home)
    for _ in whole.run():
        pass
    begun, _, _ = opened(config, home)
    for number, _ in enumerate(begun.run()):
        if number == 17:
            break
    resumed, _, _ = opened(config, home)
    resumed.load(begun.state())
    for _ in resumed.run():
        pass
    for name, value in whole.model.state_dict().items():
        assert torch.equal(value, resumed.model.state_dict()[name]), name


def test_there_must_be_something_to_freeze() -> None:
    with pytest.raises(UserError, match="give one with init"):
        TrainConfig(freeze="backbone")


@pytest.mark.parametrize("optimizer", ["sgd", "adamw", "muon"])
def test_a_backbone_may_learn_at_a_rate_of_its_own(
    optimizer: str, pictures: Path, home: Home
) -> None:
    config = TrainConfig(**small(pictures) | {"backbone_lr": 0.1, "optimizer": optimizer})
    found = finish(open_data(config.data, home))
    training = Training(config, *finish(load_pixels(found, config, home)), 3)
    training.train_step(lr=0.02)
    rates = {
        name: group["lr"]
        for group in training.optimizer.param_groups
        for name, p in training.model.named_parameters()
        if any(p is each for each in group["params"])
    }
    assert {rates.pop("fc.weight"), rates.pop("fc.bias")} == {0.02}
    assert set(rates.values()) == {0.02 * 0.1}
    assert len(rates) == len(list(training.model.parameters())) - 2
