"""Whatever computes follows the device: a tensor that is left behind on the CPU is found."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo import device
from resnet_demo.classify.predictor import Predictor
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import Pixels, load_pixels
from resnet_demo.evaluate.evaluation import evaluate
from resnet_demo.lab.landscape import slices
from resnet_demo.models import build, reference
from resnet_demo.progress import finish
from resnet_demo.training.events import EpochDone, StepDone
from resnet_demo.training.head import features
from resnet_demo.training.loop import Training
from tests.classify.test_predictor import saved
from tests.second_device import THERE, SecondDevice, There


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


def here(config: TrainConfig, splits: tuple[Pixels, Pixels]) -> tuple[list[float], list[float]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "device", lambda: torch.device("cpu"))
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
