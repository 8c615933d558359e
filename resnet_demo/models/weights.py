"""Weight files: safetensors that describe themselves, checked before anything is believed.

Shapes, types and sizes are compared with the architecture's by the file's header alone; only then
are tensors read.
"""

import json
import math
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from resnet_demo.config import (
    ARCHS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    LARGEST_PX,
    is_cifar,
)
from resnet_demo.errors import UserError
from resnet_demo.models.resnet import ResNet, build

MOST_CLASSES = 100_000
HEADER_BYTES = 8 * 2**20  # ours are below 100 kB; class names of a large data set fit
TYPES = {"F32", "F16", "BF16", "I64"}  # I64: batch norm's count of batches


@dataclass(frozen=True)
class Description:
    """What a weight file of this program says of itself."""

    arch: str
    classes: tuple[str, ...]
    px: int
    mean: tuple[float, ...]
    std: tuple[float, ...]
    about: dict[str, str]  # all of it: run, scores, recipe

    @property
    def crop_pct(self) -> float:
        """Share of a picture's shorter side that it sees; 1 when the file says none."""
        return float(self.about.get("crop_pct", 1))


def read_network(path: Path) -> tuple[ResNet, Description]:
    """A network in float32 and eval mode, from a file that describes itself or that holds the
    tensors of one of ours by torchvision's names. Raises UserError for any other."""
    about, header = read_header(path)
    shapes = {name: tuple(shape) for name, (_, shape) in header.items()}
    description = describe(about, path.name) if "arch" in about else recognised(shapes, path.name)
    with torch.device("meta"):
        num_classes = len(description.classes) or shapes["fc.weight"][0]
        wanted = build(description.arch, num_classes).state_dict()
    check_fit(shapes, wanted, path.name)
    model = build(description.arch, num_classes)
    model.load_state_dict(model.state_dict() | read_tensors(path))
    return model.eval(), description


def recognised(shapes: dict[str, tuple[int, ...]], name: str) -> Description:
    """Of weights without a description, as torchvision's: told by names and shapes. Classes stay
    unnamed, preprocessing is ImageNet's.

    Shortcuts without parameters leave no trace: the residual network is meant, not its twin.
    """
    count = max(1, min(shapes.get("fc.weight", (0,))[0], MOST_CLASSES))
    alike: list[str] = []  # by names alone, as resnet18d and resnet18w are
    for arch in ARCHS:
        wanted = shapes_of(arch, count)
        needed = {key for key in wanted if not is_counter(key)}
        if needed <= shapes.keys() <= wanted.keys():
            alike.append(arch)
            if shapes.items() <= wanted.items():
                return undescribed(arch)
    if alike:
        return undescribed(alike[0])  # to be refused by its shapes
    missing = missing_names(shapes)
    raise UserError(
        f"{name} says no architecture in its metadata and is none of ResNet-18 to 152 or 8 to 110 "
        f"by its tensors{missing}. `python -m resnet_demo convert` reads other layouts."
    )


def shapes_of(arch: str, num_classes: int) -> dict[str, tuple[int, ...]]:
    with torch.device("meta"):
        tensors = build(arch, num_classes).state_dict()
    return {name: tuple(tensor.shape) for name, tensor in tensors.items()}


def undescribed(arch: str) -> Description:
    px = 32 if is_cifar(arch) else 224
    return Description(arch, (), px, IMAGENET_MEAN, IMAGENET_STD, {})


def missing_names(shapes: dict[str, tuple[int, ...]]) -> str:
    """What a ResNet always has and these weights do not."""
    always = ("conv1.weight", "bn1.weight", "layer1.0.conv1.weight", "fc.weight", "fc.bias")
    lacking = [name for name in always if name not in shapes]
    return f": it lacks {', '.join(lacking)}" if lacking else ""


def is_counter(name: str) -> bool:
    """Batch norm's count of batches, which old files lack and nothing here uses."""
    return name.endswith("num_batches_tracked")


def read_header(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, list[int]]]]:
    """The metadata, and (type, shape) of every tensor; the tensors stay unread."""
    from safetensors import SafetensorError, safe_open

    check_file(path)
    try:
        with safe_open(path, framework="pt") as file:
            slices = {name: file.get_slice(name) for name in file.keys()}
            header = {name: (part.get_dtype(), part.get_shape()) for name, part in slices.items()}
            about = file.metadata() or {}
    except (SafetensorError, OSError, ValueError) as error:
        raise UserError(f"{path.name} is not a safetensors file ({str(error)[:80]}).") from None
    odd = sorted({kind for kind, _ in header.values()} - TYPES)
    if odd:
        raise UserError(f"{path.name} holds {odd[0]} numbers; weights are F32, F16 or BF16.")
    return about, header


def check_file(path: Path) -> None:
    """Refuse by the first bytes what is no safetensors file, or has a header of absurd length."""
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise UserError(f"{path.name} is not a file.")
        with path.open("rb") as file:
            first = file.read(8)
    except OSError as error:
        raise UserError(f"{path.name} cannot be opened ({error.strerror}).") from None
    if len(first) == 8 and int.from_bytes(first, "little") < min(HEADER_BYTES, about.st_size):
        return
    if first[:2] == b"PK" or first[:1] == b"\x80":
        raise UserError(
            f"{path.name} is a pickle, which can run code: only safetensors files are opened."
        )
    raise UserError(f"{path.name} is not a safetensors file (its header does not fit).")


def describe(about: dict[str, str], name: str) -> Description:
    try:
        description = Description(
            arch=about["arch"],
            classes=tuple(json.loads(about["classes"])),
            px=int(about["px"]),
            mean=tuple(float(value) for value in json.loads(about["mean"])),
            std=tuple(float(value) for value in json.loads(about["std"])),
            about=about,
        )
        sound = (
            description.arch in ARCHS
            and 1 <= len(description.classes) <= MOST_CLASSES
            and all(isinstance(text, str) for text in description.classes)
            and 8 <= description.px <= 2 * LARGEST_PX
            and len(description.mean) == len(description.std) == 3
            and all(map(math.isfinite, description.mean + description.std))
            and min(description.std) > 0
            and 0 < float(about.get("temperature", 1)) < math.inf
            and math.isfinite(float(about.get("unlike_below", 0)))
            and 0.05 <= description.crop_pct <= 1
        )
    except (KeyError, TypeError, ValueError, RecursionError):
        sound = False
    if not sound:
        raise UserError(f"{name} does not describe a network of this program.")
    return description


def check_fit(given: dict[str, tuple[int, ...]], wanted: dict[str, Tensor], name: str) -> None:
    """Same tensors, same shapes; counts of batches may be missing."""
    for key in sorted(set(given) ^ set(wanted)):
        if is_counter(key) and key in wanted:
            continue
        raise UserError(f"{name} does not fit its architecture: tensor {key[:60]} is not in both.")
    for key, shape in given.items():
        if shape != tuple(wanted[key].shape):
            raise UserError(
                f"{name} does not fit its architecture: {key} is {shape}, "
                f"expected {tuple(wanted[key].shape)}."
            )


def read_tensors(path: Path) -> dict[str, Tensor]:
    """All tensors, floating ones as float32. Raises UserError for weights that cannot compute."""
    from safetensors.torch import load_file

    tensors = {n: t.float() if t.is_floating_point() else t for n, t in load_file(path).items()}
    check_sound(tensors.items(), path.name)
    return tensors


def check_sound(tensors: Iterable[tuple[str, Tensor]], name: str) -> None:
    for key, tensor in tensors:
        if not torch.isfinite(tensor).all():
            raise UserError(f"{name} is damaged: {key} holds NaN or infinite numbers.")
        if key.endswith("running_var") and (tensor < 0).any():
            raise UserError(f"{name} is damaged: {key} is negative, and a variance cannot be.")
