"""Whatever computes follows the device: a tensor that is left behind on the CPU is found."""

from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo import device
from resnet_demo.classify.predictor import Predictor
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.augment import train_batch
from resnet_demo.data.device_crops import DeviceCrops
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import Pixels, load_pixels
from resnet_demo.evaluate.cka import compare
from resnet_demo.evaluate.dimming import dimming
from resnet_demo.evaluate.evaluation import evaluate
from resnet_demo.evaluate.lesion import lesion
from resnet_demo.evaluate.linear_probe import probes
from resnet_demo.evaluate.top_pictures import top_pictures
from resnet_demo.lab.landscape import slices
from resnet_demo.models import build, reference
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy
from resnet_demo.probe.inspection import inspect
from resnet_demo.probe.paths import path_gradients
from resnet_demo.progress import finish
from resnet_demo.training import loop
from resnet_demo.training.events import EpochDone, StepDone
from resnet_demo.training.head import features
from resnet_demo.training.loop import Training
from tests.classify.test_predictor import saved
from tests.second_device import THERE, Readings, SecondDevice, There


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch):
    """Everything is to be computed there."""
    monkeypatch.setattr(device, "device", lambda: THERE)
    monkeypatch.setattr(device, "autocast", lambda on: nullcontext())
    monkeypatch.setattr(device, "fast_bf16", lambda on: False)
    make = torch.tensor  # which asks no mode

    def tensor(data: object, device: object = None, **more: object) -> torch.Tensor:
        return make(data, **more) if device is None else make(data, **more).to(device)

    monkeypatch.setattr(torch, "tensor", tensor)
    monkeypatch.setattr(torch, "inference_mode", torch.no_grad)  # whose tensors nothing may wrap
    torch.__future__.set_swap_module_params_on_conversion(True)  # else `inner` stays behind
    with SecondDevice():
        yield
    torch.__future__.set_swap_module_params_on_conversion(False)


@pytest.fixture
def splits(pictures: Path, home: Home) -> tuple[Pixels, Pixels]:
    return finish(load_pixels(folder(pictures), TrainConfig(px=16), home))


def test_what_was_left_behind_is_found(second) -> None:
    model = device.placed(build("resnet8", 3), device.device())
    with pytest.raises(RuntimeError, match="left behind on the CPU"):
        model(torch.zeros(2, 3, 16, 16))
    assert isinstance(model(torch.zeros(2, 3, 16, 16).to(THERE)), There)


@pytest.mark.parametrize("optimizer", ["muon", "sgd", "adamw"])
def test_training_is_the_same_there(optimizer: str, config: TrainConfig, splits, second) -> None:
    config = replace(config, optimizer=optimizer, ema=0.9, epochs=2)
    training = Training(config, *splits, 3)
    events = list(training.run())
    assert all(isinstance(p, There) for p in training.model.parameters())
    again = Training(config, *splits, 3)
    again.load(training.state())
    assert again.step == training.step == 10
    losses = [event.metrics["loss"] for event in events if isinstance(event, StepDone)]
    ends = [event.metrics["top1"] for event in events if isinstance(event, EpochDone)]
    assert (losses, ends) == here(config, splits)


@pytest.mark.parametrize("optimizer", ["muon", "sgd"])
def test_a_step_waits_for_the_device_once(optimizer, config, splits, second) -> None:
    """And once more where norms are measured (`probe_every`)."""
    config = replace(config, optimizer=optimizer, ema=0.9)
    training = Training(config, *splits, 3)
    for probed in (True, False, True):
        with Readings() as readings:
            assert ("param_norm/fc" in training.train_step().metrics) == probed
        assert readings.count == 1 + probed


def here(config: TrainConfig, splits: tuple[Pixels, Pixels]) -> tuple[list[float], list[float]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "device", lambda: torch.device("cpu"))
        patch.setattr(
            loop,
            "batches_of",
            lambda pixels, on: partial(train_batch, pixels, cut=DeviceCrops(pixels, on).cut),
        )
        events = list(Training(config, *splits, 3).run())
    losses = [event.metrics["loss"] for event in events if isinstance(event, StepDone)]
    return losses, [event.metrics["top1"] for event in events if isinstance(event, EpochDone)]


def test_pictures_are_classified_and_networks_evaluated(
    pictures: Path, home: Home, tmp_path: Path, second
) -> None:
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    network = reference.load(model, home)
    seen = np.zeros((3, 16, 16, 3), np.uint8)
    logits = Predictor(network).logits(seen)
    assert type(logits) is torch.Tensor
    wanted = network.model(network.normalise(seen))
    assert torch.allclose(logits, wanted, atol=1e-5)  # and the network itself stayed here
    assert finish(evaluate(model, f"folder:{pictures}", home))["n"] == 12


def test_a_loss_slice_is_taken_there(second) -> None:
    model = device.placed(build("resnet8", 3), THERE).eval()
    images, labels = torch.randn(8, 3, 16, 16).to(THERE), torch.arange(8).remainder(3).to(THERE)
    assert len(list(slices(model, images, labels, side=3))) == 9


def test_features_for_a_classifier_come_back(splits, second) -> None:
    (found,) = finish(features(device.placed(build("resnet8", 3), THERE), splits[1], mirror=False))
    assert type(found) is torch.Tensor and found.shape == (12, 64)


def there_and_here(model: str, home: Home) -> tuple[Network, Network]:
    there = reference.ready(model, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "device", lambda: torch.device("cpu"))
        return there, reference.ready(model, home)


def test_a_picture_is_looked_at_there(home: Home, tmp_path: Path, second) -> None:
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    there, here = there_and_here(model, home)
    assert all(isinstance(p, There) for p in there.model.parameters())
    pixels = np.random.default_rng(0).integers(0, 256, (20, 24, 3), np.uint8)
    assert inspect(there, pixels).record == inspect(here, pixels).record
    seen = there.crop(pixels)[None]
    ours, theirs = (
        path_gradients(anatomy(network.model), network.normalise(seen), 1)
        for network in (there, here)
    )
    assert type(ours) is torch.Tensor and torch.equal(ours, theirs)


MEASUREMENTS = {
    "lesion": lambda network, model, data, home: lesion(network, model, data, home, 12),
    "dimming": lambda network, model, data, home: dimming(network, model, data, home, 12, 0.5, 1.0),
    "cka": lambda network, model, data, home: compare(
        (model, network), (model, network), data, home, 12
    ),
    "probes": lambda network, model, data, home: probes([(model, network)], data, home, 6),
    "top": lambda network, model, data, home: top_pictures(network, data, home, 12, "layer2.0", 3),
}


@pytest.mark.parametrize("name", MEASUREMENTS)
def test_many_pictures_are_measured_there(
    name: str, pictures: Path, home: Home, tmp_path: Path, second
) -> None:
    model, data = f"file:{saved(tmp_path / 'net.safetensors')}", f"folder:{pictures}"
    there, here = there_and_here(model, home)
    elsewhere = Home(tmp_path / "elsewhere")  # what was measured once is kept
    elsewhere.make()
    ours = finish(MEASUREMENTS[name](there, model, data, home))
    theirs = finish(MEASUREMENTS[name](here, model, data, elsewhere))
    np.testing.assert_equal(ours, theirs)
