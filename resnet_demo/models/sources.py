"""MODEL references -> ready networks: `bundled run: timm: file: scratch:`.

Weight files describe themselves, so nothing here needs a run's store.
"""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from resnet_demo.config import (
    ARCHS,
    CHECKPOINTS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Home,
    TrainConfig,
    UserError,
)
from resnet_demo.models.resnet import build

FORMS = "bundled, run:ID, run:ID@last, run:ID@EPOCH, timm:NAME, file:PATH, scratch:ARCH"
BUNDLED = CHECKPOINTS / "resnet18-imagenette.safetensors"


@dataclass(frozen=True)
class Network:
    """A network with what it needs to be used: float32, in eval mode."""

    model: nn.Module
    arch: str
    classes: tuple[str, ...]
    px: int  # side of the pictures it was trained on
    mean: tuple[float, ...]  # of pixels in 0..1
    std: tuple[float, ...]
    about: dict[str, str]  # what else the file says: run, scores


def load(reference: str, home: Home) -> Network:
    """Raises UserError when there is no such network or its file is not one of ours."""
    kind, _, rest = reference.partition(":")
    if kind == "timm" and rest:
        return load_timm(rest)
    if kind == "scratch" and rest:
        return untrained(rest)
    return load_file(weights_path(reference, home))


def weights_path(reference: str, home: Home) -> Path:
    """The safetensors file behind `bundled`, `run:` or `file:`."""
    kind, _, rest = reference.partition(":")
    if reference == "bundled":
        return existing(BUNDLED, "The bundled network is missing; fetch checkpoints/ again.")
    if kind == "file" and rest:
        return existing(Path(rest).expanduser(), f"There is no file {rest}.")
    if kind == "run" and rest:
        run, _, which = rest.partition("@")
        return run_weights(home.runs / run / "weights", run, which or "best")
    raise UserError(f"There is no model '{reference}'. Choose one of: {FORMS}.")


def run_weights(folder: Path, run: str, which: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run) or not folder.is_dir():
        raise UserError(f"There is no run '{run}' with weights. See: python -m resnet_demo runs.")
    name = f"epoch-{int(which):03d}" if which.isdecimal() else which
    have = sorted(path.stem for path in folder.glob("*.safetensors"))
    if name not in have:
        listed = ", ".join(have) or "none: its first epoch has not ended"
        raise UserError(f"Run {run} has no weights '{which}'. It has: {listed}.")
    return folder / f"{name}.safetensors"


def existing(path: Path, otherwise: str) -> Path:
    if not path.is_file():
        raise UserError(otherwise)
    return path


def load_file(path: Path) -> Network:
    tensors, about = read_weights(path)
    classes = tuple(json.loads(about["classes"]))
    model = build(about["arch"], len(classes))
    check_fit(tensors, model.state_dict(), path.name)
    model.load_state_dict(tensors)
    return Network(
        model=model.eval(),
        arch=about["arch"],
        classes=classes,
        px=int(about["px"]),
        mean=tuple(json.loads(about["mean"])),
        std=tuple(json.loads(about["std"])),
        about=about,
    )


def read_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors in float32 and the description; never runs code from the file."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            about = file.metadata() or {}
            tensors = {name: file.get_tensor(name) for name in file.keys()}
    except (SafetensorError, OSError) as error:
        raise UserError(f"{path.name} is not a safetensors file ({str(error)[:80]}).") from None
    missing = {"arch", "classes", "px", "mean", "std"} - set(about)
    if missing or about["arch"] not in ARCHS:
        raise UserError(f"{path.name} does not describe a network of this program.")
    return {n: t.float() if t.is_floating_point() else t for n, t in tensors.items()}, about


def check_fit(given: dict[str, Tensor], wanted: dict[str, Tensor], name: str) -> None:
    for key in sorted(set(given) ^ set(wanted)):
        raise UserError(f"{name} does not fit its architecture: tensor {key} is not in both.")
    for key, tensor in given.items():
        if tensor.shape != wanted[key].shape:
            raise UserError(
                f"{name} does not fit its architecture: {key} is {tuple(tensor.shape)}, "
                f"expected {tuple(wanted[key].shape)}."
            )


def untrained(arch: str) -> Network:
    model = build(arch)
    classes = tuple(f"class {index}" for index in range(1000))
    px = 32 if len(model.stages) == 3 else 224
    return Network(model.eval(), arch, classes, px, IMAGENET_MEAN, IMAGENET_STD, {})


def load_timm(name: str) -> Network:
    """A timm ResNet with its own preprocessing and labels."""
    import timm

    model = create_timm(name)
    data = timm.data.resolve_model_data_config(model)
    info = timm.data.ImageNetInfo()
    classes = (
        tuple(info.index_to_description(index).split(",")[0] for index in range(1000))
        if model.num_classes == 1000
        else tuple(f"class {index}" for index in range(model.num_classes))
    )
    px = data["input_size"][-1]
    return Network(model.eval(), f"timm:{name}", classes, px, data["mean"], data["std"], {})


def create_timm(name: str) -> nn.Module:
    import timm
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled
    from huggingface_hub.utils import httpx

    if timm.models.get_arch_name(name) not in timm.list_models(module="resnet"):
        raise UserError(f"timm has no ResNet '{name}'. Try timm:resnet18, timm:resnet50 ...")
    try:
        return timm.create_model(name, pretrained=True)
    except (LocalEntryNotFoundError, OfflineModeIsEnabled, HfHubHTTPError, httpx.HTTPError):
        raise UserError(
            f"The weights of timm:{name} are not on this machine and the Hub cannot be reached. "
            f"Go online once, or start from run:ID or bundled."
        ) from None
    except RuntimeError as error:  # "No pretrained weights exist"
        raise UserError(f"timm:{name} has no weights ({error}).") from None


def starting_weights(config: TrainConfig, num_classes: int, home: Home) -> dict[str, Tensor] | None:
    """What `--init MODEL` gives a new network of `config.arch`; a classifier for other classes
    starts afresh. None without `--init`."""
    if not config.init:
        return None
    given = load(config.init, home).model.state_dict()
    fresh = build(config.arch, num_classes, config.zero_init).state_dict()
    head = {"fc.weight", "fc.bias"}
    if given.get("fc.weight") is not None and given["fc.weight"].shape != fresh["fc.weight"].shape:
        given |= {name: fresh[name] for name in head}
    try:
        check_fit(given, fresh, config.init)
    except UserError as error:
        raise UserError(f"Cannot start a {config.arch} from {config.init}: {error}") from None
    return given
