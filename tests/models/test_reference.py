import json
from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.models import build, hub, reference

FIVE = ("ant", "bee", "cat", "dog", "elk")


@pytest.fixture
def weights(tmp_path):
    """A resnet8 for two classes, as the program writes it."""
    model = build("resnet8", 2)
    about = {
        "arch": "resnet8",
        "classes": json.dumps(["cat", "dog"]),
        "px": "16",
        "mean": "[0.5, 0.5, 0.5]",
        "std": "[0.2, 0.2, 0.2]",
    }
    path = tmp_path / "net.safetensors"
    save_file(model.state_dict(), path, about)
    return path, model, about


def test_a_weight_file_describes_itself(weights, home: Home) -> None:
    path, model, _ = weights
    network = reference.load(f"file:{path}", home)
    assert (network.arch, network.classes, network.px) == ("resnet8", ("cat", "dog"), 16)
    images = torch.randn(2, 3, 16, 16)
    assert torch.equal(network.model(images), model.eval()(images))


def test_half_precision_files_come_back_as_float32(weights, home: Home) -> None:
    path, model, about = weights
    save_file({n: t.half() if t.is_floating_point() else t for n, t in
               model.state_dict().items()}, path, about)  # fmt: skip
    tensors = reference.load(f"file:{path}", home).model.state_dict()
    assert tensors["conv1.weight"].dtype == torch.float32


@pytest.mark.parametrize(
    ("model", "says"),
    [
        ("bundle", "Choose one of: bundled, run:ID"),
        ("file:nowhere.safetensors", "no file"),
        ("run:0042", "no run '0042'"),
        ("run:../../etc", "no run"),
        ("scratch:resnet9", "resnet18"),
        ("timm:vit_base_patch16_224", "no ResNet"),
    ],
)
def test_a_reference_to_nothing_is_refused(model: str, says: str, home: Home) -> None:
    with pytest.raises(UserError, match=says):
        reference.load(model, home)


def test_a_file_that_does_not_fit_its_architecture_is_refused(weights, home: Home) -> None:
    path, model, about = weights
    save_file(model.state_dict(), path, {**about, "arch": "resnet20"})
    with pytest.raises(UserError, match="does not fit"):
        reference.load(f"file:{path}", home)


@pytest.mark.parametrize(
    ("name", "value"),
    [("unlike_below", "low"), ("unlike_below", "nan"), ("temperature", "0"), ("crop_pct", "2")],
)
def test_a_description_that_makes_no_sense_is_refused(
    name: str, value: str, weights, home: Home
) -> None:
    path, model, about = weights
    save_file(model.state_dict(), path, {**about, name: value})
    with pytest.raises(UserError, match="does not describe a network"):
        reference.load(f"file:{path}", home)


def test_a_file_that_is_no_weights_is_refused(tmp_path, home: Home) -> None:
    (tmp_path / "x.safetensors").write_bytes(b"\x80\x02pickle")
    with pytest.raises(UserError, match="is a pickle"):
        reference.load(f"file:{tmp_path / 'x.safetensors'}", home)


def test_weights_of_other_classes_start_with_a_new_classifier(weights, home: Home) -> None:
    path, model, _ = weights
    config = TrainConfig(arch="resnet8", init=f"file:{path}")
    tensors = reference.starting_weights(config, FIVE, home)
    assert tensors["fc.weight"].shape == (5, 64)
    assert torch.equal(tensors["conv1.weight"], model.conv1.weight)


@pytest.mark.parametrize(
    ("classes", "kept"), [(("cat", "dog"), True), (("dog", "cat"), False), (("ant", "bee"), False)]
)
def test_a_classifier_is_kept_for_the_same_classes_alone(
    classes: tuple[str, ...], kept: bool, weights, home: Home
) -> None:
    """As many classes are not the same ones: what told cats from dogs is not begun with for ants
    and bees."""
    path, model, _ = weights
    config = TrainConfig(arch="resnet8", init=f"file:{path}")
    tensors = reference.starting_weights(config, classes, home)
    assert torch.equal(tensors["fc.weight"], model.fc.weight) == kept


def test_a_classifier_whose_classes_have_no_names_is_kept_for_as_many(weights, home: Home) -> None:
    """As torchvision's are: which classes it tells apart only its owner knows."""
    path, model, _ = weights
    save_file(model.state_dict(), path)
    config = TrainConfig(arch="resnet8", init=f"file:{path}")
    tensors = reference.starting_weights(config, ("ant", "bee"), home)
    assert torch.equal(tensors["fc.weight"], model.fc.weight)


def test_a_new_classifier_is_decided_by_the_seed_alone(weights, home: Home) -> None:
    """Whatever was drawn before in this process: a run is the same from the page, by a command, and
    among others of a sweep."""
    config = TrainConfig(arch="resnet8", init=f"file:{weights[0]}")
    heads = []
    for seed in (0, 0, 1):
        torch.rand(7)
        tensors = reference.starting_weights(replace(config, seed=seed), FIVE, home)
        heads.append(tensors["fc.weight"])
    assert torch.equal(heads[0], heads[1]) and not torch.equal(heads[0], heads[2])


def test_weights_of_another_network_are_refused_by_name(weights, home: Home) -> None:
    config = TrainConfig(arch="resnet20", init=f"file:{weights[0]}")
    with pytest.raises(UserError, match="Cannot start a resnet20 from file:"):
        reference.starting_weights(config, ("cat", "dog"), home)


def test_timm_weights_fit_our_network(monkeypatch, home: Home) -> None:
    """torchvision's names are timm's: `--init timm:resnet18` needs no renaming."""
    import timm

    theirs = timm.create_model("resnet18", pretrained=False)
    monkeypatch.setattr(hub, "create_timm", lambda name: theirs)
    classes = tuple(f"n{index:08d}" for index in range(1000))  # as ImageNet's folders are called
    tensors = reference.starting_weights(TrainConfig(init="timm:resnet18"), classes, home)
    ours = build("resnet18")
    ours.load_state_dict(tensors)
    images = torch.randn(1, 3, 64, 64)
    assert torch.allclose(ours.eval()(images), theirs.eval()(images), atol=1e-5)


def test_timm_offline_says_what_to_do(home: Home) -> None:
    with pytest.raises(UserError, match="not on this machine"):
        reference.load("timm:resnet18.a1_in1k", home)


def test_an_untrained_network_loads(home: Home) -> None:
    assert reference.load("scratch:plain20", home).px == 32
