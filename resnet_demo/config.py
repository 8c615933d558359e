"""What a run is told, and where things are kept.

`TrainConfig` is the one description of a run: the form, the command line and the run folder are
three views of it. Nothing here imports torch or gradio.
"""

import math
import os
import tempfile
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.presets import CLASSIFIER_ONLY
from resnet_demo.refs import DataRef, shown_data, shown_model
from resnet_demo.run_folder import RunFolder

PACKAGE = Path(__file__).resolve().parent
FEATURED = "RESNET_DEMO_MODEL"  # environment: the network that the page opens with
# Networks that ship with the program: beside the package, within it where pip installed it.
CHECKPOINTS = (PACKAGE.parent / "checkpoints", PACKAGE / "checkpoints")

IMAGENET_DEPTHS = (18, 34, 50, 101, 152)  # He et al. 2015, Table 1
CIFAR_DEPTHS = (8, 14, 20, 32, 38, 44, 56, 110)  # He et al. 2015, section 4.2: 6n + 2
# "d": deep stem, pooled shortcuts (He et al. 2018, arXiv 1812.01187); "s": also narrow and
# unpooled; "w": also half as wide again
TWEAKED = ("10d", "18d", "10s", "18w")
SIZES = (*map(str, IMAGENET_DEPTHS), *map(str, CIFAR_DEPTHS), *TWEAKED)
ARCHS = tuple(f"{kind}{size}" for kind in ("resnet", "plain") for size in SIZES)
BUNDLED = "resnet18d"  # the network that ships with the program; others are `bundled:ARCH`
OPTIMIZERS = ("muon", "sgd", "adamw")
SCHEDULES = ("linear", "steps")
CROPS = ("area", "pad")
BALANCES = ("none", "loss", "sampling")
FREEZES = ("none", "backbone")
TRACKERS = ("none", "trackio", "wandb")
SMALLEST_PX, LARGEST_PX = 16, 512
IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of pixels in 0..1; what pretrained weights expect
IMAGENET_STD = (0.229, 0.224, 0.225)


def setting(default: Any, says: str) -> Any:
    """A field of TrainConfig; what it says is the command line's --help."""
    return field(default=default, metadata={"says": says})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides a run's result, apart from the machine; refuses nonsense."""

    data: str = setting(
        "imagenette", "imagenette, cifar10, shapes, folder:PATH, dataset:NAME, hub:USER/NAME"
    )
    arch: str = setting("resnet18", "the network: resnet18, plain56, ...")
    epochs: int = setting(6, "times that every picture is seen")
    px: int = setting(128, "side of the pictures in the last epochs")
    start_px: int = setting(96, "side in the first epoch; grows to px (progressive resizing)")
    batch_size: int = setting(64, "pictures a step")
    optimizer: str = setting("muon", "muon, sgd or adamw")
    lr: float = setting(0.04, "the schedule's peak; it ends at zero")
    weight_decay: float = setting(0.01, "share of the weights taken off at each step, times lr")
    warmup: float = setting(0.1, "share of all steps")
    label_smoothing: float = setting(0.1, "share of a label that is spread over all classes")
    balance: str = setting(
        "none",
        "none; or what makes rare classes count as much as others: loss (their pictures weigh "
        "more), sampling (they come more often)",
    )
    schedule: str = setting("linear", "linear, or steps: /10 at 1/2 and 3/4 (section 4.2)")
    crop: str = setting("area", "area, or pad: moved by up to px/8, not resized (section 4.2)")
    min_crop: float = setting(0.6, "least share of a picture's area that a random crop keeps")
    cutmix: float = setting(0.0, "share of batches whose pictures hold a part of another; 0: none")
    val_scale: float = setting(1.0, "side in validation and use, over px; crops magnify")
    crop_pct: float = setting(1.0, "share of a picture's shorter side seen in validation and use")
    zero_init: bool = setting(True, "each residual block starts as the identity")
    paired_filters: bool = setting(False, "each filter has its mirror image for a partner")
    sam_radius: float = setting(0.0, "of sharpness-aware steps, of two passes each; 0: none")
    ema: float = setting(0.0, "decay of the averaged weights; 0: none")
    num_train: int = setting(0, "training pictures used, the same ones for every seed; 0: all")
    num_val: int = setting(0, "validation pictures used; 0: all")
    val_from_train: int = setting(
        0, "training pictures held apart and validated on instead, to tune a recipe; 0: none"
    )
    iterations: int = setting(0, "steps after which a run ends, anywhere; 0: epochs decide")
    seed: int = setting(0, "decides weights, order and augmentation")
    init: str = setting("", "MODEL whose weights to start from")
    freeze: str = setting("none", "none, or backbone: only the classifier is trained")
    backbone_lr: float = setting(1.0, "learning rate of all but the classifier, over lr")
    budget_seconds: int = setting(0, "over it, a run is made smaller before it starts; 0: no limit")
    probe_every: int = setting(20, "steps between two measurements of gradient and weight norms")
    sync_norms: bool = setting(
        False, "batch norm over the whole batch where several processes share it (torchrun)"
    )
    tracker: str = setting("none", "none, trackio or wandb")
    tracker_project: str = setting("resnet-demo", "what the tracker files the run under")

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            kind = type(each.default)
            if kind is float and type(value) is int:
                object.__setattr__(self, each.name, float(value))
            elif type(value) is not kind:
                raise UserError(f"{each.name} must be {KINDS[kind]}. Got {value!r}.")
        DataRef.parse(self.data)
        require_one_of("arch", self.arch, ARCHS)
        require_one_of("optimizer", self.optimizer, OPTIMIZERS)
        require_one_of("schedule", self.schedule, SCHEDULES)
        require_one_of("crop", self.crop, CROPS)
        require_one_of("balance", self.balance, BALANCES)
        require_one_of("tracker", self.tracker, TRACKERS)
        require_one_of("freeze", self.freeze, FREEZES)
        for name, (low, high) in LIMITS.items():
            value = getattr(self, name)
            if not low <= value <= high:  # False for NaN too
                raise UserError(f"{name} must lie between {low} and {high}. Got {value}.")
        self.refuse_conflicts()

    def refuse_conflicts(self) -> None:
        """Raises UserError for settings that cannot go together."""
        if self.freeze != "none" and not self.init:
            raise UserError(
                "freeze backbone trains the classifier of a network that has learned already: give "
                "one with init, as in bundled or timm:resnet18."
            )
        if self.freeze != "none" and (self.cutmix or self.sam_radius):
            raise UserError(
                f"freeze backbone looks at each picture once, and moves the classifier alone: "
                f"neither cutmix nor sam_radius has a use there. Got cutmix {self.cutmix} and "
                f"sam_radius {self.sam_radius}; make both 0."
            )
        if self.paired_filters and not can_be_paired(self.arch, self.init):
            raise UserError(
                f"paired_filters needs a start from nothing and projection shortcuts. Got arch "
                f"{self.arch} and init '{self.init}'; choose resnet18d, say, and no init."
            )
        if self.crop == "pad" and self.start_px != self.px:
            raise UserError(
                f"crop pad keeps pictures at one side. Got start_px {self.start_px} and px "
                f"{self.px}; make them equal."
            )

    @property
    def residual(self) -> bool:
        return self.arch.startswith("resnet")

    @property
    def depth(self) -> int:
        return depth_of(self.arch)

    @property
    def val_px(self) -> int:
        """Side in validation and use. A little over px pays when random crops are small: they show
        things larger than whole pictures do (Touvron et al. 2019, arXiv 1906.06423)."""
        return round(self.px * self.val_scale)

    def num_batches(self, count: int) -> int:
        """In an epoch of `count` pictures. A last batch of one picture is left out: batch norm
        cannot train on it."""
        return math.ceil(count / self.batch_size) - (count % self.batch_size == 1)

    def twin(self) -> "TrainConfig":
        """The same run with shortcuts removed, or put back."""
        return replace(self, arch=f"{'plain' if self.residual else 'resnet'}{size_of(self.arch)}")

    def to_dict(self) -> Json:
        return asdict(self)

    def shown(self) -> "TrainConfig":
        """Without paths of this machine: what others may know of it."""
        return replace(self, data=shown_data(self.data), init=shown_model(self.init))

    def options(self) -> list[str]:
        """Of the command line that makes this configuration: what differs from what it assumes."""
        head = CLASSIFIER_ONLY | {"freeze": "none"} if self.freeze == "backbone" else {}
        assumed = PLAIN | head
        assumed["start_px"] = min(assumed["start_px"], self.px)
        if self.init:
            assumed["arch"] = ""  # that of the network to start from, which would be looked at
        changed = {name: value for name, value in asdict(self).items() if value != assumed[name]}
        return [
            f"--{'' if value else 'no-'}{name.replace('_', '-')}"
            if isinstance(value, bool)
            else f"--{name.replace('_', '-')}={value}"
            for name, value in changed.items()
        ]

    @classmethod
    def from_dict(cls, values: Json) -> "TrainConfig":
        """Raises UserError when a field is unknown, as in a run folder of another version."""
        unknown = sorted(set(values) - {each.name for each in fields(cls)})
        if unknown:
            raise UserError(
                f"This run was written by another version: it has the unknown setting "
                f"{', '.join(unknown)}. Open it with that version, or start a new run."
            )
        return cls(**values)


KINDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
LIMITS: dict[str, tuple[float, float]] = {
    "epochs": (1, 10_000),
    "px": (SMALLEST_PX, LARGEST_PX),
    "start_px": (SMALLEST_PX, LARGEST_PX),
    "batch_size": (2, 8192),
    "lr": (1e-8, 100.0),
    "weight_decay": (0.0, 10.0),
    "warmup": (0.0, 0.9),
    "label_smoothing": (0.0, 0.9),
    "min_crop": (0.05, 1.0),
    "cutmix": (0.0, 1.0),
    "val_scale": (0.5, 2.0),
    "crop_pct": (0.5, 1.0),
    "sam_radius": (0.0, 10.0),
    "ema": (0.0, 0.99999),
    "num_train": (0, 10**9),
    "num_val": (0, 10**9),
    "val_from_train": (0, 10**9),
    "iterations": (0, 10**9),
    "backbone_lr": (0.0, 10.0),
    "seed": (0, 2**31 - 1),
    "budget_seconds": (0, 10**9),
    "probe_every": (1, 10**9),
}


def depth_of(arch: str) -> int:
    """Layers: 56 of "plain56", 18 of "resnet18d"."""
    return int(size_of(arch).rstrip("dsw"))


def size_of(arch: str) -> str:
    """What a network shares with its twin: "18d" of "resnet18d"."""
    return arch.removeprefix("resnet").removeprefix("plain")


def is_cifar(arch: str) -> bool:
    """Whether it is one of section 4.2, for pictures of 32 pixels."""
    return depth_of(arch) in CIFAR_DEPTHS


def can_be_paired(arch: str, init: str) -> bool:
    """Whether `paired_filters` fits: a start from nothing, and no option A, which ties channels."""
    return not init and arch in ARCHS and not is_cifar(arch)


@dataclass(frozen=True)
class Home:
    """The folder that holds runs, caches and downloads."""

    path: Path

    @classmethod
    def find(cls, given: str | None = None) -> "Home":
        """`given`, else RESNET_DEMO_HOME, else ./.resnet_demo."""
        return cls(Path(given or os.environ.get("RESNET_DEMO_HOME") or ".resnet_demo").resolve())

    @property
    def runs(self) -> Path:
        return self.path / "runs"

    def run(self, run: str) -> RunFolder:
        return RunFolder(self.runs / run)

    @property
    def labs(self) -> Path:
        return self.path / "labs"

    @property
    def sweeps(self) -> Path:
        return self.path / "sweeps"

    @property
    def caches(self) -> Path:
        return self.path / "caches"

    @property
    def datasets(self) -> Path:
        return self.path / "datasets"

    @property
    def downloads(self) -> Path:
        return self.path / "downloads"

    def make(self) -> None:
        """Create the folders; raises UserError when the place cannot be written to."""
        try:
            for name in ("runs", "labs", "sweeps", "caches", "downloads", "datasets"):
                (self.path / name).mkdir(parents=True, exist_ok=True)
            tempfile.TemporaryFile(dir=self.path).close()
        except OSError as error:
            raise UserError(
                f"Cannot write to {self.path} ({error.strerror}). "
                f"Choose another folder with --home or RESNET_DEMO_HOME."
            ) from error


PLAIN = TrainConfig().to_dict()
