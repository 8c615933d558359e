"""Networks of others: built exactly as their authors mean them, or refused in a sentence."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.models import reference

PICTURE = np.random.default_rng(0).integers(0, 256, (90, 70, 3)).astype(np.uint8)
NOWHERE = Home(Path("nowhere"))


def saved(folder: Path, built_with: dict | None = None, /, **config: object) -> torch.nn.Module:
    """As timm saves a ResNet of three classes; `config` goes over what it writes."""
    torch.manual_seed(0)
    model = timm.create_model("resnet10t", num_classes=3, **(built_with or {})).eval()
    for name, tensor in model.state_dict().items():
        if name.endswith(("running_var", "bn2.weight")):  # as if it had been trained
            tensor.copy_(torch.rand_like(tensor) + 0.5)
        if name.endswith("running_mean"):
            tensor.copy_(0.1 * torch.randn_like(tensor))
    folder.mkdir(exist_ok=True)
    timm.models.save_for_hf(model, folder, model_args=built_with, safe_serialization=True)
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | config))
    return model


def loaded(folder: Path) -> reference.Network:
    return reference.load(f"file:{folder}", NOWHERE)


@pytest.mark.parametrize(
    "model_args",
    [
        None,
        {"global_pool": "max"},
        {"global_pool": "catavgmax"},
        {"act_layer": "gelu"},
        {"output_stride": 8},
        {"stem_type": "deep", "avg_down": True, "layers": [2, 1, 1, 1]},
    ],
)
def test_a_folder_of_timm_is_what_timm_makes_of_it(model_args, tmp_path: Path) -> None:
    model = saved(tmp_path / "net", model_args)
    network = loaded(tmp_path / "net")
    seen = network.normalise(network.crop(PICTURE)[None])
    theirs = timm.create_model(f"local-dir:{tmp_path / 'net'}", pretrained=True).eval()
    with torch.no_grad():
        expected = theirs(seen)
        assert expected.std() > 1e-3
        assert torch.allclose(network.model(seen), expected, atol=1e-5)
        assert torch.allclose(model(seen), expected, atol=1e-5)


def test_labels_are_the_authors(tmp_path: Path) -> None:
    names = ["n1", "n2", "n3"]
    described = {"n1": "cat, house cat", "n2": "dog"}
    for labels, shown in (
        ({"label_names": names}, ("n1", "n2", "n3")),
        ({"label_names": {"0": "n1", "1": "n2", "2": "n3"}}, ("n1", "n2", "n3")),
        ({"label_names": names, "label_descriptions": described}, ("cat", "dog", "n3")),
        ({}, ("class 0", "class 1", "class 2")),
    ):
        saved(tmp_path / "net", **labels)
        assert loaded(tmp_path / "net").classes == shown


REFUSED = [
    {"label_names": ["a", "b"]},
    {"label_names": {"a": 0, "b": 1, "c": 2}},
    {"model_args": {"block": "Bottleneck"}},
    {"model_args": {"in_chans": 1}},
    {"model_args": {"global_pool": "everything"}},
    {"model_args": ["global_pool"]},
    {"model_args": {"layers": [10**9]}},
    {"num_classes": True},
    {"num_classes": 0},
    {"num_classes": 10**12},
    {"num_classes": 4},
    {"architecture": "vit_base_patch16_224"},
    {"architecture": None},
    {"pretrained_cfg": []},
    *(
        {"pretrained_cfg": {key: value}}
        for key, value in (
            ("crop_pct", "x"),
            ("crop_pct", -1),
            ("crop_pct", float("nan")),
            ("std", [0, 0.2, 0.2]),
            ("std", [0.2]),
            ("mean", "grey"),
            ("mean", [float("inf"), 0, 0]),
            ("input_size", [3, 30000, 30000]),
            ("input_size", [1, 224, 224]),
            ("input_size", [3, 224, 112]),
            ("input_size", [True, 224, 224]),
            ("interpolation", "magic"),
            ("interpolation", 3),
            ("crop_mode", {}),
        )
    ),
]


@pytest.mark.parametrize("config", REFUSED, ids=str)
def test_what_makes_no_sense_is_refused(config: dict, tmp_path: Path) -> None:
    saved(tmp_path / "net", **config)
    with pytest.raises(UserError):
        loaded(tmp_path / "net")


@pytest.mark.parametrize("text", ["", "null", "[]", "[[[[", "7", "{", '{"a": NaN}', "[" * 10**5])
def test_a_damaged_configuration_is_refused(text: str, tmp_path: Path) -> None:
    saved(tmp_path / "net")
    (tmp_path / "net" / "config.json").write_text(text)
    with pytest.raises(UserError, match="no JSON object"):
        loaded(tmp_path / "net")


def test_a_folder_says_what_it_lacks(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks model.safetensors"):
        loaded(tmp_path)


HEAD = ("fc.weight", "fc.bias")


def test_weights_that_overflow_are_refused_after_one_pass(tmp_path: Path) -> None:
    model = saved(tmp_path / "net")
    huge = {name: torch.full_like(model.state_dict()[name], 3e38) for name in HEAD}
    save_file(model.state_dict() | huge, tmp_path / "net" / "model.safetensors")
    with pytest.raises(UserError, match="does not compute"):
        loaded(tmp_path / "net")


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner),
    max_leaves=6,
)
KEYS = (
    "architecture", "num_classes", "model_args", "pretrained_cfg", "label_names", "input_size",
    "mean", "std", "crop_pct", "interpolation", "global_pool", "label_descriptions",
)  # fmt: skip


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1)
    | st.dictionaries(st.sampled_from(KEYS), ANYTHING, min_size=1).map(
        lambda told: {"pretrained_cfg": told}
    )
)
def test_any_json_is_a_network_or_a_sentence(tmp_path_factory, config: dict) -> None:
    folder = tmp_path_factory.getbasetemp() / "any"
    if not folder.exists():
        saved(folder)
        (folder / "config.json").rename(folder / "whole.json")
    whole = json.loads((folder / "whole.json").read_text())
    (folder / "config.json").write_text(json.dumps(whole | config))
    try:
        network = loaded(folder)
    except UserError:
        return
    assert len(network.classes) == 3 and network.px <= 1024
