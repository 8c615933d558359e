"""The formats in which a network leaves, each opened again and compared before it is given away."""

import copy
import json
import shutil
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.config import ARCHS, IMAGENET_DEPTHS
from resnet_demo.data.shapes import shapes
from resnet_demo.errors import UserError, require_one_of, writing
from resnet_demo.export.snippets import SNIPPETS
from resnet_demo.files import Json
from resnet_demo.models import hub
from resnet_demo.models.network import Network
from resnet_demo.training.checkpoint import save_weights

TORCHVISION = tuple(f"resnet{depth}" for depth in IMAGENET_DEPTHS)  # what it builds of ours
CHECKED_ON = 16  # drawn pictures
ONNX_TOLERANCE = 1e-4  # of the largest logit, or absolute below 1
OPSET = 18


@dataclass(frozen=True)
class Exported:
    """What was written, and how it compares."""

    model: str
    format: str
    path: str
    bytes: int
    n: int  # pictures on which it was compared with the network here
    max_difference: float  # of their logits
    snippet: str  # Python that opens it

    def to_dict(self) -> Json:
        return asdict(self)


def export(network: Network, model: str, format: str, out: Path) -> Exported:
    """Write `network`, known as `model`, to `out`: a file, or a folder for timm.

    Raises UserError when `out` exists or cannot be written, the format cannot hold the network, or
    what was written does not compute the same: safetensors and timm bit for bit, ONNX to
    ONNX_TOLERANCE.
    """
    require_one_of("format", format, tuple(FORMATS))
    if out.exists():
        raise UserError(f"{out} exists already. Choose another place with --out.")
    if not out.absolute().parent.is_dir():
        raise UserError(f"There is no folder {out.absolute().parent}. Make it, or choose another.")
    write, open_again, tolerance = FORMATS[format]
    images = pictures(network)
    with writing(out), tempfile.TemporaryDirectory(dir=out.absolute().parent) as folder:
        partial = Path(folder) / out.name
        write(network, partial)
        difference = compared(network, images, open_again(partial))
        if difference > tolerance:
            raise UserError(
                f"{model} as {format} does not compute the same: logits differ by "
                f"{difference:.3g}. Nothing was written."
            )
        shutil.move(partial, out)
    snippet = snippet_of(network, format, out.name, f"local-dir:{out.name}")
    return Exported(model, format, str(out), size_of(out), len(images), difference, snippet)


def pictures(network: Network) -> Tensor:
    """Drawn ones as the network sees them: (CHECKED_ON, 3, px, px), normalised."""
    drawn = shapes().val
    return network.normalise(np.stack([network.crop(drawn.read(i)) for i in range(CHECKED_ON)]))


def compared(network: Network, images: Tensor, other: Callable[[Tensor], Tensor]) -> float:
    """The largest difference of logits; over the largest logit where that is more than 1."""
    with torch.inference_mode():
        wanted, got = network.model(images), other(images)
    return float((wanted - got).abs().max()) / max(1.0, float(wanted.abs().max()))


def size_of(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


# --- safetensors -------------------------------------------------------------------------------


def description(network: Network) -> dict[str, str]:
    """What the file says of itself. Networks of others have no architecture of ours to name."""
    own = {"format": "resnet_demo 1", "arch": network.arch} if network.arch in ARCHS else {}
    return network.about | {
        "format": "pt", **own,
        "classes": json.dumps(network.classes), "px": str(network.px),
        "crop_pct": f"{network.crop_pct:g}",
        "mean": json.dumps(network.mean), "std": json.dumps(network.std),
    }  # fmt: skip


def write_safetensors(network: Network, path: Path) -> None:
    """torchvision's names of parameters, float32."""
    save_weights(path, network.model, description(network))


def open_safetensors(path: Path) -> nn.Module:
    return hub.load_file(path).model


# --- timm --------------------------------------------------------------------------------------


def in_timm(network: Network) -> bool:
    """Whether timm builds this network: neither plain ones, nor CIFAR's option A shortcuts, nor a
    stem that pools nothing."""
    return network.arch not in ARCHS or network.arch in hub.TIMM


def timm_call(network: Network) -> str:
    """The arguments with which timm builds it, as Python."""
    own = network.arch.removeprefix("timm:")
    name, given = hub.TIMM.get(network.arch, (own, {}))
    more = [f"{key}={value}" for key, value in given.items()]
    return ", ".join([f'"{name}"', f"num_classes={len(network.classes)}", *more])


def write_timm(network: Network, folder: Path) -> None:
    if not in_timm(network):
        raise UserError(f"timm has no {network.arch}. Take safetensors or onnx.")
    hub.save_folder(network, folder)


def open_timm(folder: Path) -> nn.Module:
    return hub.load_folder(folder).model


# --- ONNX --------------------------------------------------------------------------------------


def write_onnx(network: Network, path: Path) -> None:
    """Input "images": normalised float32 (batch, 3, px, px); output "logits": (batch, classes)."""
    try:
        import onnx
    except ImportError:
        raise UserError("ONNX needs two more packages: pip install onnx onnxruntime") from None
    example = torch.zeros(2, 3, network.px, network.px)
    model = copy.deepcopy(network.model).to(memory_format=torch.contiguous_format)
    with device.TRACING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # this exporter needs no further package
        torch.onnx.export(
            model, (example,), str(path),
            input_names=["images"], output_names=["logits"], opset_version=OPSET, dynamo=False,
            dynamic_axes={"images": {0: "batch"}, "logits": {0: "batch"}},
        )  # fmt: skip
    made = onnx.load(str(path))
    cut = "centre square, crop_pct of the shorter side" if network.crop_pct < 1 else "centre square"
    crop = f"{cut}; bicubic to px x px; / 255; - mean; / std; RGB, NCHW"
    onnx.helper.set_model_props(made, description(network) | {"preprocessing": crop})
    onnx.save(made, str(path))


def open_onnx(path: Path) -> Callable[[Tensor], Tensor]:
    try:
        import onnxruntime
    except ImportError:
        raise UserError("ONNX needs two more packages: pip install onnx onnxruntime") from None
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(None, {"images": images.numpy()})[0])


Write = Callable[[Network, Path], None]
Open = Callable[[Path], Callable[[Tensor], Tensor]]
FORMATS: dict[str, tuple[Write, Open, float]] = {  # how to write and open it; how far it may be off
    "safetensors": (write_safetensors, open_safetensors, 0.0),
    "timm": (write_timm, open_timm, 0.0),
    "onnx": (write_onnx, open_onnx, ONNX_TOLERANCE),
}


def snippet_of(network: Network, format: str, path: str, source: str) -> str:
    """path: of the file; source: what timm opens, as "local-dir:FOLDER" or "hf-hub:USER/REPO"."""
    return SNIPPETS[snippet_name(network, format)].substitute(
        path=path, source=source, arch=network.arch, classes=len(network.classes),
        timm_call=timm_call(network),
        px=network.px, mean=list(network.mean), std=list(network.std),
        bleed=f", {(1 - network.crop_pct) / 2:g}" if network.crop_pct < 1 else "",
    )  # fmt: skip


def snippet_name(network: Network, format: str) -> str:
    """torchvision builds the residual networks of ImageNet's depths; ours are built here."""
    if format != "safetensors" or network.arch in TORCHVISION:
        return format
    return "safetensors of timm" if in_timm(network) else "own"
