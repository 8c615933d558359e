"""Published weights -> a file that describes itself: `python -m resnet_demo convert`."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor

from resnet_demo.config import IMAGENET_MEAN, IMAGENET_STD, is_cifar
from resnet_demo.errors import UserError, writing
from resnet_demo.files import Json, write_whole
from resnet_demo.models.resnet import build
from resnet_demo.models.weights import check_fit, check_sound, describe, read_header, read_tensors

PREFIXES = ("module.", "model.", "_orig_mod.", "net.", "backbone.")  # of wrappers
RENAMED = {"linear.": "fc.", "classifier.": "fc."}  # the last layer, elsewhere
SECONDS = 180
MOST_BYTES = 4 * 2**30


def convert(
    source: Path,
    out: Path,
    arch: str,
    classes: tuple[str, ...] = (),
    px: int = 0,
    mean: str = "",
    std: str = "",
) -> Json:
    """Write `out` with the tensors of `source` (.pth, .th, .pt, .safetensors) as a network of
    `arch`; numbers that are not given are ImageNet's, unnamed classes are numbered.

    Raises UserError, and writes nothing, when the file cannot be such a network.
    """
    if out.exists():
        raise UserError(f"{out} is there already. Name another file with --out.")
    check_known(arch)
    side = 32 if is_cifar(arch) else 224
    tensors = renamed(tensors_of(source))
    count = tensors["fc.weight"].shape[0] if "fc.weight" in tensors else len(classes) or 1
    if classes and len(classes) != count:
        raise UserError(
            f"{source.name} tells {count} classes apart; --classes names {len(classes)}."
        )
    about = {
        "format": "resnet_demo 1",
        "arch": arch,
        "classes": json.dumps(classes or [f"class {index}" for index in range(count)]),
        "px": str(px or side),
        "mean": numbers(mean) or json.dumps(IMAGENET_MEAN),
        "std": numbers(std) or json.dumps(IMAGENET_STD),
    }
    check(tensors, about, source.name)
    write(tensors, about, out)
    return {"model": f"file:{out}", "arch": arch, "classes": count, "px": int(about["px"])}


def check_known(arch: str) -> None:
    """Raises UserError for an architecture that is none."""
    with torch.device("meta"):
        build(arch, 1)


def numbers(text: str) -> str:
    """ "0.5,0.5,0.5" -> "[0.5,0.5,0.5]", to be checked by `describe`."""
    return f"[{text}]" if text else ""


def tensors_of(source: Path) -> dict[str, Tensor]:
    if not source.is_file():
        raise UserError(f"There is no file {source}.")
    if source.stat().st_size > MOST_BYTES:
        raise UserError(f"{source.name} is larger than any network here (4 GiB at most).")
    if source.suffix == ".safetensors":
        read_header(source)
        return read_tensors(source)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "tensors.safetensors"
        unpickle(source, target)
        return read_tensors(target)


def unpickle(source: Path, target: Path) -> None:
    files = (str(source.absolute()), str(target))  # the process works in another folder
    command = [sys.executable, "-m", "resnet_demo.models.unpickle", *files]
    root = Path(__file__).resolve().parents[2]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, errors="replace", timeout=SECONDS, cwd=root
        )
        said = done.stderr.strip().splitlines()[-1:] or ["its process was ended"]
    except subprocess.TimeoutExpired:
        done, said = None, [f"it took over {SECONDS} s"]
    if done is None or done.returncode:
        raise UserError(f"{source.name} gives no weights: {said[0][:160]}.")


def renamed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Names as torchvision has them; a wrapper's prefix is one that all tensors share."""
    for prefix in PREFIXES * 2:
        if tensors and all(name.startswith(prefix) for name in tensors):
            tensors = {name.removeprefix(prefix): tensor for name, tensor in tensors.items()}
    for old, new in RENAMED.items():
        tensors = {
            new + name.removeprefix(old) if name.startswith(old) else name: tensor
            for name, tensor in tensors.items()
        }
    return tensors


def check(tensors: dict[str, Tensor], about: dict[str, str], name: str) -> None:
    description = describe(about, name)
    with torch.device("meta"):
        wanted = build(description.arch, len(description.classes)).state_dict()
    check_fit({key: tuple(tensor.shape) for key, tensor in tensors.items()}, wanted, name)
    check_sound(tensors.items(), name)


def write(tensors: dict[str, Tensor], about: dict[str, str], out: Path) -> None:
    from safetensors.torch import save

    data = save({name: tensor.contiguous() for name, tensor in tensors.items()}, about)
    with writing(out):
        write_whole(out, lambda file: file.write(data))
