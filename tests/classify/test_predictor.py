import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from resnet_demo import device
from resnet_demo.classify import predictor as rooms
from resnet_demo.classify.prediction import classify
from resnet_demo.classify.predictor import (
    Predictor,
    Predictors,
    best_form,
    with_folded_norms,
)
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.models import build, reference


def saved(path: Path, seed: int = 0, **about: str) -> Path:
    """A resnet8 for three colours, with norms that have seen something."""
    torch.manual_seed(seed)
    model = build("resnet8", 3)
    model(torch.randn(16, 3, 16, 16))
    told = {
        "arch": "resnet8",
        "classes": json.dumps(["blue", "green", "red"]),
        "px": "16",
        "mean": "[0.5, 0.5, 0.5]",
        "std": "[0.2, 0.2, 0.2]",
    }
    save_file(model.state_dict(), path, told | about)
    return path


@pytest.mark.parametrize("arch", ["resnet8", "plain8", "resnet50", "resnet18"])
@pytest.mark.parametrize("bf16", [False, True])
def test_the_form_that_is_used_computes_the_same_logits(
    arch: str, bf16: bool, home: Home, monkeypatch
) -> None:
    monkeypatch.setattr(device, "fast_bf16", lambda on: bf16)
    model = reference.load(f"scratch:{arch}", home).model
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        expected = model(images)
    difference = (best_form(model, images[:1])(images) - expected).abs().max()
    assert difference / expected.abs().max() < (0.05 if bf16 else 1e-4)


@pytest.mark.parametrize("bf16", [False, True])
def test_making_one_ready_changes_nothing_for_other_threads(
    bf16: bool, home: Home, monkeypatch
) -> None:
    """torch.fx, while it traces, puts a function of its own in nn.Module: others' passes fail."""
    monkeypatch.setattr(device, "fast_bf16", lambda on: bf16)
    model, seen, call = reference.load("scratch:resnet8", home).model, set(), nn.Module.__call__

    class Watched(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, images: torch.Tensor) -> torch.Tensor:
            seen.add(nn.Module.__call__)
            return self.inner(images)

    best_form(Watched(), torch.randn(1, 3, 16, 16))
    assert seen == {call}


def test_many_are_made_ready_at_once(home: Home, monkeypatch) -> None:
    networks = [reference.load(f"scratch:{arch}", home) for arch in ("resnet8", "plain8")] * 3
    for bf16 in (False, True):
        monkeypatch.setattr(device, "fast_bf16", lambda on, bf16=bf16: bf16)
        with ThreadPoolExecutor(len(networks)) as pool:
            ready = list(pool.map(Predictor, networks))
        assert all(len(one.logits(np.zeros((1, 32, 32, 3), np.uint8))) == 1 for one in ready)


def test_norms_are_folded_into_the_convolutions_before_them(home: Home) -> None:
    model = reference.load("scratch:resnet8", home).model
    folded = with_folded_norms(model, torch.randn(1, 3, 16, 16))
    norms = [sum(isinstance(m, nn.BatchNorm2d) for m in one.modules()) for one in (model, folded)]
    assert norms[0] == 7 and norms[1] <= 2  # convolutions of our own keep theirs
    assert not any(p.requires_grad for p in folded.parameters())


def test_the_network_itself_is_left_alone(home: Home, tmp_path: Path) -> None:
    network = reference.load(f"file:{saved(tmp_path / 'net.safetensors')}", home)
    before = {name: tensor.clone() for name, tensor in network.model.state_dict().items()}
    Predictor(network).logits(np.zeros((1, 16, 16, 3), np.uint8))
    assert all(torch.equal(before[n], t) for n, t in network.model.state_dict().items())
    assert not network.model.training


def test_a_changed_file_is_loaded_anew(home: Home, tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors")
    ready = Predictors(home, threads=torch.get_num_threads())
    first = ready.get(f"file:{path}")
    assert ready.get(f"file:{path}") is first
    saved(path, seed=1)
    assert ready.get(f"file:{path}") is not first


def test_least_used_networks_are_dropped(home: Home, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(rooms, "KEPT_BYTES", 1)
    ready = Predictors(home, threads=torch.get_num_threads())
    paths = [saved(tmp_path / f"{n}.safetensors", seed=n) for n in range(3)]
    for path in paths:
        ready.get(f"file:{path}")
    assert len(ready.ready.cache) == 1


def test_answers_name_the_classes_and_refusals_go_on(home: Home, tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", unlike_below="1e9")

    def broken() -> np.ndarray:
        raise UserError("This picture is broken (cut).")

    pictures = [("a.png", broken), ("b.png", lambda: np.zeros((20, 30, 3), np.uint8))]
    refused, told = classify(Predictor(reference.load(f"file:{path}", home)), pictures, top=2)
    assert refused == {"path": "a.png", "error": "This picture is broken (cut)."}
    assert len(told["top"]) == 2 and told["unlike"] is True and told["ms"] > 0
    assert {one["class"] for one in told["top"]} <= {"blue", "green", "red"}
    assert told["top"][0]["probability"] >= told["top"][1]["probability"]


def test_the_command(command, tmp_path: Path, pictures: Path) -> None:
    path = saved(tmp_path / "net.safetensors")
    images = sorted((pictures / "val" / "red").glob("*.png"))[:2]
    done = command("classify", f"file:{path}", *images, tmp_path, "--top", 1, "--json")
    answer = json.loads(done.stdout.splitlines()[-1])
    assert [len(row.get("top", [])) for row in answer["images"]] == [1, 1, 0]
    assert "folder" in answer["images"][2]["error"]
    assert command("classify", "bundle", images[0]).returncode == 1
    done = command("classify", f"file:{path}", images[0], "--top", -1)
    assert (done.returncode, "top must lie" in done.stderr) == (1, True)
