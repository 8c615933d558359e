"""MODEL references -> ready networks: `bundled run: timm: hub: file: scratch:`.

Weight files describe themselves, so nothing here needs a run's store.
"""

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image
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
from resnet_demo.images.decode import square
from resnet_demo.models.resnet import build
from resnet_demo.models.weights import check_fit, check_sound, read_header, read_network

FORMS = (
    "bundled, run:ID, run:ID@last, run:ID@EPOCH, timm:NAME, hub:USER/REPO, file:PATH, scratch:ARCH"
)
BUNDLED = "resnet18"  # `bundled`; the others are `bundled:ARCH`
T = TypeVar("T")
Crop = Callable[[np.ndarray], np.ndarray]  # RGB (H, W, 3) -> what the network sees (px, px, 3)


@dataclass(frozen=True)
class Network:
    """A network with what it needs to be used: float32, in eval mode."""

    model: nn.Module
    arch: str
    classes: tuple[str, ...]
    px: int  # side of the pictures it sees
    mean: tuple[float, ...]  # of pixels in 0..1
    std: tuple[float, ...]
    about: dict[str, str]  # what else the file says: run, scores, recipe
    crop: Crop

    def normalise(self, seen: np.ndarray) -> Tensor:
        """uint8 (B, px, px, 3) -> float32 (B, 3, px, px) in channels-last memory."""
        images = torch.from_numpy(np.array(seen)).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return images.sub_(mean).div_(std)

    @property
    def pretrained(self) -> bool:
        """Whether it has seen ImageNet's training pictures, itself or by what it started from."""
        return self.arch.startswith("timm:") or self.about.get("pretrained") == "true"

    @property
    def unlike_below(self) -> float | None:
        """The score (largest logit) that all but a few validation pictures reach; None when the
        file does not say."""
        text = self.about.get("unlike_below")
        return None if text is None else float(text)


def load(reference: str, home: Home) -> Network:
    """Raises UserError when there is no such network or its file is not one of ours."""
    kind, _, rest = reference.partition(":")
    loaders = {"timm": load_timm, "hub": load_hub, "scratch": untrained}
    if kind in loaders and rest:
        return loaders[kind](rest)
    return load_file(weights_path(reference, home))


def version(reference: str, home: Home) -> int:
    """Changes when the file behind a reference does; 0 for what never changes."""
    if reference.partition(":")[0] in ("timm", "hub", "scratch"):
        return 0
    return weights_path(reference, home).stat().st_mtime_ns


def weights_path(reference: str, home: Home) -> Path:
    """The safetensors file behind `bundled`, `run:` or `file:`."""
    kind, _, rest = reference.partition(":")
    if kind == "bundled":
        return bundled_path(rest or BUNDLED)
    if kind == "file" and rest:
        path = Path(rest).expanduser()
        if not path.exists():
            raise UserError(f"There is no file {rest}.")
        return path
    if kind == "run" and rest:
        run, _, which = rest.partition("@")
        return run_weights(home.runs / run / "weights", run, which or "best")
    raise UserError(f"There is no model '{reference}'. Choose one of: {FORMS}.")


def bundled_path(arch: str) -> Path:
    path = CHECKPOINTS / f"{arch}-imagenette.safetensors"
    if arch not in ARCHS or not path.is_file():
        have = sorted(p.name.partition("-")[0] for p in CHECKPOINTS.glob("*.safetensors"))
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


def load_file(path: Path) -> Network:
    model, told = read_network(path)
    crop = partial(square, px=told.px)
    return Network(model, told.arch, told.classes, told.px, told.mean, told.std, told.about, crop)


def untrained(arch: str) -> Network:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = build(arch)
    classes = tuple(f"class {index}" for index in range(1000))
    px = 32 if len(model.stages) == 3 else 224
    crop = partial(square, px=px)
    return Network(model.eval(), arch, classes, px, IMAGENET_MEAN, IMAGENET_STD, {}, crop)


# --- timm and the Hub --------------------------------------------------------------------------


def load_timm(name: str) -> Network:
    """A timm ResNet with its own preprocessing and labels."""
    return described_by_timm(create_timm(name), f"timm:{name}")


def described_by_timm(
    model: nn.Module, arch: str, classes: tuple[str, ...] | None = None
) -> Network:
    import timm

    data = timm.data.resolve_model_data_config(model)
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
        about={},
        crop=crop,
    )


def timm_classes(model: nn.Module) -> tuple[str, ...]:
    """Names from the model's configuration; the first of an ImageNet class's synonyms."""
    import timm

    given = model.pretrained_cfg.get("label_names")
    if given and len(given) == model.num_classes:
        return tuple(given)
    subset = timm.data.infer_imagenet_subset(model)
    if subset is None:
        return tuple(f"class {index}" for index in range(model.num_classes))
    info = timm.data.ImageNetInfo(subset)
    names = (info.index_to_description(index) for index in range(model.num_classes))
    return tuple(name.split(",")[0] for name in names)


def create_timm(name: str) -> nn.Module:
    import timm

    known = timm.list_models(module="resnet")
    if timm.models.get_arch_name(name) not in known:
        near = difflib.get_close_matches(name, known, 3) or ["resnet18", "resnet50"]
        hint = ", ".join(f"timm:{one}" for one in near)
        raise UserError(f"timm has no ResNet '{name[:60]}'. Near names: {hint}.")
    try:
        return from_the_hub(f"timm:{name}", partial(timm.create_model, name, pretrained=True))
    except RuntimeError as error:  # "No pretrained weights exist", "Invalid pretrained tag"
        raise UserError(f"timm:{name} has no weights ({str(error)[:80]}).") from None


def load_hub(repo: str) -> Network:
    """Weights that this program or timm pushed. Nothing of the repository is run: from its
    configuration only the network's name, labels and preprocessing are taken."""
    from huggingface_hub import hf_hub_download

    reference = f"hub:{repo}"
    fetch = partial(hf_hub_download, repo)
    weights = Path(from_the_hub(reference, partial(fetch, "model.safetensors")))
    about, header = read_header(weights)
    if "arch" in about:
        return load_file(weights)
    given = json.loads(Path(from_the_hub(reference, partial(fetch, "config.json"))).read_text())
    return network_from_config(given, weights, header, reference)


def network_from_config(
    given: dict, weights: Path, header: dict[str, tuple[str, list[int]]], reference: str
) -> Network:
    """timm's format: config.json beside model.safetensors."""
    import timm
    from safetensors.torch import load_file as load_tensors

    arch, count = given.get("architecture"), given.get("num_classes")
    if arch not in timm.list_models(module="resnet") or not isinstance(count, int):
        raise UserError(f"{reference} is not a ResNet of timm (architecture {str(arch)[:40]!r}).")
    labels = given.get("label_names") or given.get("pretrained_cfg", {}).get("label_names")
    shown = ("input_size", "mean", "std", "crop_pct", "interpolation", "crop_mode")
    told = given.get("pretrained_cfg") or given
    overlay = {key: told[key] for key in shown if key in told}
    with torch.device("meta"):
        wanted = timm.create_model(arch, num_classes=min(count, 10**5)).state_dict()
    check_fit({key: tuple(shape) for key, (_, shape) in header.items()}, wanted, reference)
    model = timm.create_model(arch, num_classes=count, pretrained_cfg_overlay=overlay)
    tensors = load_tensors(weights)
    check_sound(tensors.items(), reference)
    model.load_state_dict({key: value.to(wanted[key].dtype) for key, value in tensors.items()})
    named = isinstance(labels, list) and len(labels) == count
    classes = tuple(str(label)[:200] for label in labels) if named else None
    return described_by_timm(model, f"timm:{arch}", classes)


def from_the_hub(reference: str, fetch: Callable[[], T]) -> T:
    """Whatever can go wrong on the way, as a sentence."""
    from huggingface_hub.errors import (
        EntryNotFoundError,
        HfHubHTTPError,
        HFValidationError,
        LocalEntryNotFoundError,
        OfflineModeIsEnabled,
        RepositoryNotFoundError,
    )
    from huggingface_hub.utils import httpx

    try:
        return fetch()
    except HFValidationError:
        raise UserError(f"'{reference[:80]}' is not of the form hub:USER/REPO.") from None
    except RepositoryNotFoundError:
        raise UserError(f"The Hub has no repository for {reference}, or it is private.") from None
    except EntryNotFoundError as error:
        if not isinstance(error, LocalEntryNotFoundError):
            raise UserError(f"{reference} lacks model.safetensors or config.json.") from None
    except (OfflineModeIsEnabled, HfHubHTTPError, httpx.HTTPError, OSError):
        pass
    raise UserError(
        f"The weights of {reference} are not on this machine and the Hub cannot be reached. "
        f"Go online once, or choose bundled or run:ID."
    )


# --- fine-tuning -------------------------------------------------------------------------------


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
        check_fit({name: tuple(t.shape) for name, t in given.items()}, fresh, config.init)
    except UserError as error:
        raise UserError(f"Cannot start a {config.arch} from {config.init}: {error}") from None
    return given


def is_pretrained(reference: str, home: Home) -> bool:
    """Whether a network that starts from this MODEL has seen ImageNet."""
    if not reference or reference.startswith("scratch:"):
        return False
    if reference.startswith(("timm:", "hub:")):
        return True
    return read_header(weights_path(reference, home))[0].get("pretrained") == "true"
