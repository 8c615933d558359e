"""MODEL references -> ready networks: `bundled run: timm: hub: file: scratch:`.

Weight files describe themselves, so nothing here needs a run's store.
"""

import re
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from resnet_demo import device
from resnet_demo.config import (
    ARCHS,
    BUNDLED,
    CHECKPOINTS,
    IMAGENET_MEAN,
    IMAGENET_STD,
    Home,
    TrainConfig,
)
from resnet_demo.errors import UserError
from resnet_demo.images.decode import square
from resnet_demo.models import hub
from resnet_demo.models.hub import load_file
from resnet_demo.models.network import Network, tried
from resnet_demo.models.resnet import build
from resnet_demo.models.weights import check_fit, read_header
from resnet_demo.refs import ModelRef


def load(reference: str, home: Home) -> Network:
    """Raises UserError when there is no such network or its file is not one of ours."""
    model = ModelRef.parse(reference)
    loaders = {"timm": hub.load_timm, "hub": hub.load_hub, "scratch": untrained}
    if model.kind in loaders:
        return tried(loaders[model.kind](model.name), reference)
    path = weights_path(reference, home)
    load_path = hub.load_folder if path.is_dir() else load_file
    return tried(load_path(path), reference)


def ready(reference: str, home: Home) -> Network:
    """As `load`, on the device that this machine computes with: to be used, not written."""
    network = load(reference, home)
    device.placed(network.model, device.device())
    return network


def version(reference: str, home: Home) -> int:
    """Changes when the file behind a reference does; 0 for what never changes."""
    model = ModelRef.parse(reference)
    if model.is_published or model.kind == "scratch":
        return 0
    return weights_path(reference, home).stat().st_mtime_ns


def weights_path(reference: str, home: Home) -> Path:
    """The safetensors file behind `bundled`, `run:` or `file:`."""
    model = ModelRef.parse(reference)
    if model.kind == "bundled":
        return bundled_path(model.name or BUNDLED)
    if model.kind == "run":
        return run_weights(home.run(model.name).weights, model.name, model.which or "best")
    path = Path(model.name).expanduser()
    if not path.exists():
        raise UserError(f"There is no file {model.name}.")
    return path


def bundled_path(arch: str) -> Path:
    folder = next((place for place in CHECKPOINTS if place.is_dir()), CHECKPOINTS[0])
    path = folder / f"{arch}-imagenette.safetensors"
    if arch not in ARCHS or not path.is_file():
        have = sorted(p.name.partition("-")[0] for p in folder.glob("*.safetensors"))
        raise UserError(f"No {arch} ships with the program. It has: {', '.join(have) or 'none'}.")
    return path


def run_weights(folder: Path, run: str, which: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run) or not folder.is_dir():
        raise UserError(f"There is no run '{run}' with weights. See: python -m resnet_demo runs.")
    name = f"epoch-{int(which):03d}" if re.fullmatch("[0-9]{1,6}", which) else which
    have = sorted(path.stem for path in folder.glob("*.safetensors"))
    if name not in have:
        listed = ", ".join(have) or "none: its first epoch has not ended"
        raise UserError(f"Run {run} has no weights '{which[:20]}'. It has: {listed}.")
    return folder / f"{name}.safetensors"


def untrained(arch: str) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(arch)
    classes = tuple(f"class {index}" for index in range(1000))
    px = 32 if len(model.stages) == 3 else 224
    crop = partial(square, px=px)
    return Network(model.eval(), arch, classes, px, IMAGENET_MEAN, IMAGENET_STD, {}, crop)


# --- fine-tuning -------------------------------------------------------------------------------


def starting_weights(
    config: TrainConfig, classes: tuple[str, ...], home: Home
) -> dict[str, Tensor] | None:
    """What `--init MODEL` gives a new network of `config.arch`; a classifier for other classes
    starts afresh, as the seed has it. None without `--init`."""
    if not config.init:
        return None
    network = load(config.init, home)
    given = network.model.state_dict()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        fresh = build(config.arch, len(classes), config.zero_init).state_dict()
    if "fc.weight" in given and not are_same(network.classes, classes):
        given |= {name: fresh[name] for name in ("fc.weight", "fc.bias")}
    try:
        check_fit({name: tuple(t.shape) for name, t in given.items()}, fresh, config.init)
    except UserError as error:
        raise UserError(f"Cannot start a {config.arch} from {config.init}: {error}") from None
    return given


def are_same(known: tuple[str, ...], wanted: tuple[str, ...]) -> bool:
    """Whether a network's classes are these. Where its weights came without names, which it was
    given by their number, as ImageNet's thousand, that number decides."""
    return known == wanted or (len(known) == len(wanted) and known == hub.named(len(known)))


def is_pretrained(reference: str, home: Home) -> bool:
    """Whether a network that starts from this MODEL has seen ImageNet."""
    if not reference:
        return False
    model = ModelRef.parse(reference)
    if model.is_published or model.kind == "scratch":
        return model.is_published
    path = weights_path(reference, home)
    return path.is_dir() or read_header(path)[0].get("pretrained") == "true"
