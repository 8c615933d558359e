"""Published weights: as their authors save them, with the accuracy of their authors' code."""

import json
import subprocess
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.models import build, reference

NOWHERE = Home(Path("nowhere"))


class TheirBlock(nn.Module):
    """A basic block as authors of CIFAR networks write it: option A by padding both sides."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.new = channels - channels_in

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        if self.new:
            half = torch.zeros_like(x[:, : self.new // 2, ::2, ::2])
            x = torch.cat([half, x[:, :, ::2, ::2], half], 1)
        return F.relu(y + x)


class TheirNet(nn.Module):
    def __init__(self, n: int, num_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        for stage, width in enumerate((16, 32, 64)):
            first = TheirBlock(max(16, width // 2), width, 2 if stage else 1)
            rest = [TheirBlock(width, width, 1) for _ in range(n - 1)]
            self.add_module(f"layer{stage + 1}", nn.Sequential(first, *rest))
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = self.layer3(self.layer2(self.layer1(x)))
        return self.linear(x.mean((2, 3)))


def trained(n: int) -> tuple[nn.Module, Tensor, Tensor]:
    """Their network after some steps on colours, the pictures and their labels."""
    torch.manual_seed(0)
    labels = torch.arange(48) % 3
    images = torch.rand(48, 3, 32, 32)
    images[torch.arange(48), labels] += 0.3
    model = TheirNet(n, 3)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for _ in range(8):
        optimizer.zero_grad()
        F.cross_entropy(model(images), labels).backward()
        optimizer.step()
    return model.eval(), images, labels


WRAPPED = {
    "bare": lambda state: state,
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "module": lambda state: {"state_dict": {f"module.{k}": v for k, v in state.items()}},
    "model": lambda state: {"model": {f"model.{k}": v for k, v in state.items()}},
    "old": lambda state: {k: v for k, v in state.items() if "num_batches" not in k},
}


@pytest.mark.parametrize("n", [3, 9])
def test_their_accuracy_is_kept(n: int, command, tmp_path: Path) -> None:
    model, images, labels = trained(n)
    torch.save({"state_dict": {f"module.{k}": v for k, v in model.state_dict().items()},
                "best_prec1": 91.7}, tmp_path / "theirs.th")  # fmt: skip
    out = tmp_path / "ours.safetensors"
    done = command(
        "convert", tmp_path / "theirs.th", "--arch", f"resnet{6 * n + 2}", "--out", out,
        "--classes", "red,green,blue", "--mean", "0.5,0.5,0.5", "--std", "0.2,0.2,0.2", "--json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "model": f"file:{out}", "arch": f"resnet{6 * n + 2}", "classes": 3, "px": 32,
    }  # fmt: skip
    network = reference.load(f"file:{out}", NOWHERE)
    with torch.no_grad():
        theirs, ours = model(images), network.model(images)
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert (ours.argmax(1) == labels).sum() == (theirs.argmax(1) == labels).sum()
    assert (network.classes, network.std) == (("red", "green", "blue"), (0.2, 0.2, 0.2))


@pytest.mark.parametrize("wrapper", WRAPPED)
def test_common_wrappers_are_taken_off(
    wrapper: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from resnet_demo.models import convert

    if wrapper == "bare":  # once as it is: a python of its own, not one that is forked
        monkeypatch.setattr(convert, "subprocess", subprocess)
    monkeypatch.chdir(tmp_path)
    model = TheirNet(1, 4).eval()
    torch.save(WRAPPED[wrapper](model.state_dict()), tmp_path / "theirs.pt")
    convert.convert(Path("theirs.pt"), Path("ours.safetensors"), "resnet8")
    network = reference.load(f"file:{tmp_path / 'ours.safetensors'}", NOWHERE)
    images = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        assert torch.allclose(network.model(images), model(images), atol=1e-5)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (lambda: nn.Linear(2, 2), "gives no weights"),
        (lambda: {"epoch": 3}, "no state dict"),
        (lambda: {"conv1.weight": torch.zeros(1)}, "does not fit"),
        (lambda: build("resnet20", 3).state_dict(), "does not fit"),
        (lambda: TheirNet(1, 3).state_dict() | {"linear.bias": torch.full((3,), torch.nan)}, "NaN"),
    ],
)
def test_what_is_no_such_network_is_refused(content, says: str, tmp_path: Path) -> None:
    from resnet_demo.models.convert import convert

    torch.save(content(), tmp_path / "x.pth")
    with pytest.raises(UserError, match=says):
        convert(tmp_path / "x.pth", tmp_path / "new.safetensors", "resnet8")
    assert not (tmp_path / "new.safetensors").exists()


def test_a_file_that_is_there_is_not_written_over(tmp_path: Path) -> None:
    from resnet_demo.models.convert import convert

    (tmp_path / "new").write_text("mine")
    with pytest.raises(UserError, match="is there already"):
        convert(tmp_path / "x.pth", tmp_path / "new", "resnet8")
    assert (tmp_path / "new").read_text() == "mine"


@pytest.mark.parametrize("arch", ["resnet18", "plain18", "resnet50", "resnet20"])
def test_torchvisions_state_dicts_are_opened_as_they_are(arch: str, tmp_path: Path) -> None:
    model = build(arch, 5).eval()
    state = {n: t for n, t in model.state_dict().items() if "num_batches" not in n}
    save_file(state, tmp_path / "net.safetensors", {"format": "pt"})
    network = reference.load(f"file:{tmp_path / 'net.safetensors'}", NOWHERE)
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(network.model(images), model(images))
    assert (network.arch, network.classes[4]) == (arch, "class 4")


def test_weights_of_no_known_network_are_named(tmp_path: Path) -> None:
    save_file({"stem.weight": torch.zeros(3)}, tmp_path / "net.safetensors")
    with pytest.raises(UserError, match="lacks conv1.weight, bn1.weight"):
        reference.load(f"file:{tmp_path / 'net.safetensors'}", NOWHERE)
