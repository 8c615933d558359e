"""Networks of others: timm's by name, repositories of the Hub, folders as timm saves them.

Nothing of a repository is run. From its config.json only plain values are taken, each checked;
a network that cannot be built exactly as its author means it is refused.
"""

import difflib
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from resnet_demo.config import IMAGENET_DEPTHS
from resnet_demo.errors import UserError
from resnet_demo.fetching import from_the_hub
from resnet_demo.files import Json
from resnet_demo.images.decode import square
from resnet_demo.models.network import Network
from resnet_demo.models.resnet import ResNet
from resnet_demo.models.timm_config import (
    CONFIG,
    arguments,
    is_count,
    labels,
    preprocessing,
    read_config,
)
from resnet_demo.models.weights import check_fit, check_sound, read_header
from resnet_demo.models.weights import read_network as read_ours

WEIGHTS = "model.safetensors"
# Of our networks, those that timm builds: under which name, and with which arguments besides.
TIMM: dict[str, tuple[str, Json]] = {
    **{f"resnet{depth}": (f"resnet{depth}", {}) for depth in IMAGENET_DEPTHS},
    "resnet18d": ("resnet18d", {}),
    "resnet10d": ("resnet18d", {"layers": [1, 1, 1, 1]}),
    "resnet18w": ("resnet18d", {"stem_width": 48, "channels": [96, 192, 384, 768]}),
}
# What timm says of its own weights of that name, which is not so of others.
NOT_SO = dict.fromkeys(
    ("tag", "license", "description", "origin_url", "paper_name", "paper_ids", "notes")
)


def load_timm(name: str) -> Network:
    """A timm ResNet with its own preprocessing and labels. Raises UserError."""
    return described_by_timm(create_timm(name), f"timm:{name}")


def load_hub(repo: str) -> Network:
    """Weights that this program or timm pushed to hub:USER/REPO. Raises UserError."""
    from huggingface_hub import hf_hub_download

    reference = f"hub:{repo}"
    fetch = partial(from_the_hub, reference)
    weights = Path(fetch(partial(hf_hub_download, repo, WEIGHTS)))
    try:
        about, _ = read_header(weights)
    except UserError:  # cut while it was fetched, or on the disk
        again = partial(hf_hub_download, repo, WEIGHTS, force_download=True)
        weights = Path(fetch(again))
        about, _ = read_header(weights)
    if "arch" in about:
        return load_file(weights)
    return from_config(Path(fetch(partial(hf_hub_download, repo, CONFIG))), weights, reference)


def load_folder(folder: Path) -> Network:
    """A folder as timm saves it: model.safetensors beside config.json. Raises UserError."""
    for name in (WEIGHTS, CONFIG):
        if not (folder / name).is_file():
            raise UserError(f"The folder {folder.name} lacks {name}.")
    return from_config(folder / CONFIG, folder / WEIGHTS, folder.name)


def load_file(path: Path) -> Network:
    """Weights in this program's layout or torchvision's. Raises UserError."""
    model, ours = read_ours(path)
    crop = partial(square, px=ours.px, crop_pct=ours.crop_pct)
    classes = ours.classes or named(model.fc.out_features)
    return Network(model, ours.arch, classes, ours.px, ours.mean, ours.std, ours.about, crop)


def save_folder(network: Network, folder: Path) -> None:
    """A folder as `load_folder` and timm's `create_model("local-dir:...")` open it."""
    import timm

    model = network.model
    if isinstance(model, ResNet):
        name, given = TIMM[network.arch]
        model = timm.create_model(
            name, num_classes=len(network.classes), pretrained_cfg_overlay=NOT_SO, **given
        ).eval()
        model.load_state_dict(network.model.state_dict())
        crop = {"crop_pct": network.crop_pct, "crop_mode": "center", "interpolation": "bicubic"}
        data = {"mean": network.mean, "std": network.std, **crop}
    else:
        data = timm.data.resolve_model_data_config(model, use_test_size=True)
    data["input_size"] = (3, network.px, network.px)
    timm.models.save_for_hf(
        model, str(folder), {"label_names": list(network.classes)}, safe_serialization=True,
        data_config=data,
    )  # fmt: skip


def from_config(config: Path, weights: Path, reference: str) -> Network:
    """timm's format. Raises UserError for whatever would make another network than its author's."""
    import timm
    from safetensors.torch import load_file as load_tensors

    given = read_config(config, reference)
    pretrained = given.get("pretrained_cfg") or given
    arch = given.get("architecture")
    count = given.get("num_classes", pretrained.get("num_classes", 0))
    if arch not in timm.list_models(module="resnet") or not is_count(count):
        raise UserError(f"{reference} is not a ResNet of timm (architecture {str(arch)[:40]!r}).")
    build = partial(
        timm.create_model, arch,
        **arguments(given.get("model_args") or {}, pretrained, reference), num_classes=count,
        pretrained_cfg_overlay=NOT_SO | preprocessing(pretrained, reference),
    )  # fmt: skip
    _, header = read_header(weights)
    try:
        with torch.device("meta"):
            wanted = build().state_dict()
    except Exception as error:  # timm refuses arguments in as many ways as it has modules
        raise UserError(f"{reference}: timm cannot build it ({str(error)[:80]}).") from None
    check_fit({key: tuple(shape) for key, (_, shape) in header.items()}, wanted, reference)
    model = build()
    tensors = load_tensors(weights)
    check_sound(tensors.items(), reference)
    counted = {key: model.state_dict()[key] for key in set(wanted) - set(tensors)}
    kept = {key: value.to(wanted[key].dtype) for key, value in tensors.items()}
    model.load_state_dict(kept | counted)
    return described_by_timm(model, f"timm:{arch}", labels(given, pretrained, count, reference))


# --- timm -----------------------------------------------------------------------------------------


def untrained_timm(name: str) -> nn.Module:
    """timm's network with random weights, in eval mode; nothing is downloaded."""
    import timm

    return timm.create_model(name, pretrained=False).eval()


def create_timm(name: str) -> nn.Module:
    import timm

    known = timm.list_models(module="resnet")
    if timm.models.get_arch_name(name) not in known:
        near = difflib.get_close_matches(name, known, 3) or ["resnet18", "resnet50"]
        hint = ", ".join(f"timm:{each}" for each in near)
        raise UserError(f"timm has no ResNet '{name[:60]}'. Near names: {hint}.")
    try:
        return from_the_hub(f"timm:{name}", partial(timm.create_model, name, pretrained=True))
    except RuntimeError as error:  # "No pretrained weights exist", "Invalid pretrained tag"
        raise UserError(f"timm:{name} has no weights ({str(error)[:80]}).") from None


def described_by_timm(
    model: nn.Module, arch: str, classes: tuple[str, ...] | None = None
) -> Network:
    """As timm validates it: at its test side and test crop where it has such."""
    import timm

    data = timm.data.resolve_model_data_config(model, use_test_size=True)
    transform = timm.data.create_transform(**data, is_training=False, normalize=False)

    def crop(pixels: np.ndarray) -> np.ndarray:
        return transform(Image.fromarray(pixels)).permute(1, 2, 0).numpy()

    return Network(
        model=model.eval(),
        arch=arch,
        classes=classes or timm_classes(model),
        px=data["input_size"][-1],
        mean=data["mean"],
        std=data["std"],
        about={"crop_pct": str(data["crop_pct"])},
        crop=crop,
    )


def timm_classes(model: Any) -> tuple[str, ...]:
    """Names from the model's configuration, else ImageNet's for as many classes."""
    import timm

    given = model.pretrained_cfg.get("label_names")
    if given and len(given) == model.num_classes:
        return tuple(given)
    return named(model.num_classes, timm.data.infer_imagenet_subset(model))


def named(count: int, subset: str | None = None) -> tuple[str, ...]:
    """ImageNet's names (the first of a class's synonyms) where that many classes are ImageNet's."""
    import timm

    if subset is None and count != 1000:
        return tuple(f"class {index}" for index in range(count))
    info = timm.data.ImageNetInfo(subset or "imagenet-1k")
    return tuple(info.index_to_description(index).split(",")[0] for index in range(count))
