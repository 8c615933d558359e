"""The form that makes a TrainConfig, and what its choices write into each other."""

from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from resnet_demo.config import (
    IMAGENET_DEPTHS,
    OPTIMIZERS,
    SIZES,
    TRACKERS,
    Home,
    TrainConfig,
    can_be_paired,
    size_of,
)
from resnet_demo.errors import UserError
from resnet_demo.presets import CLASSIFIER_ONLY, PRESETS
from resnet_demo.refs import DATA, shown_data
from resnet_demo.runs import control
from resnet_demo.runs.snapshot import UNDER_WAY
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import is_public

OWN = "my own"
CHOICES = {  # what is said of a preset was measured: README's table
    "two or three minutes\nResNet-10, to 112 px: 84 % right": "minute",
    "a coffee, fifteen minutes\nResNet-10, to 128 px: 90 % right": "coffee",
    "lunch, half an hour\nResNet-18, 20 epochs: 90 % right": "lunch",
    f"{OWN}\nevery setting, below": OWN,
}
NETWORKS = [(f"ResNet-{size}", size) for size in SIZES]
STARTS = [
    ("random weights", ""),
    ("the network that ships with the app", "bundled"),
    *((f"timm's resnet{depth}, of ImageNet", f"timm:resnet{depth}") for depth in IMAGENET_DEPTHS),
]
FREEZES = [("all of it", "none"), ("only the classifier", "backbone")]
BALANCED = [
    ("as they are", "none"),
    ("rare ones weigh more in the loss", "loss"),
    ("pictures of rare ones come more often", "sampling"),
]
# what a preset means; changing one of them leaves it
PRESET_FIELDS = (
    "epochs", "px", "start_px", "batch_size", "lr", "min_crop", "val_scale", "crop_pct",
    "paired_filters",
)  # fmt: skip
# what a preset writes into the form: also what "only the classifier" changed
PRESET_WRITES = ("depth", *PRESET_FIELDS, "freeze", "optimizer")
# what "only the classifier" writes
HEAD_FIELDS = ("epochs", "px", "start_px", "batch_size", "optimizer", "lr")
Values = dict[Component, Any]
Widget = gr.Dropdown | gr.Number | gr.Checkbox | gr.Radio | gr.Textbox


class Form:
    """The widgets that make a TrainConfig; their names are its fields, but for `depth` and
    `shortcuts`, which make `arch`."""

    def __init__(self) -> None:
        self.preset = gr.Radio(
            list(CHOICES.items()), value="coffee", label="How much time do you have?",
            elem_id="presets", info="On two cores; a slower machine gets a smaller run.",
        )  # fmt: skip
        self.widgets: dict[str, Widget] = {}
        self.folds: list[gr.Accordion] = []  # what is closed again once a run has begun

    def lay_out(self) -> None:
        """Below what most people need: a preset and Start."""
        self.widgets |= {
            "data": gr.Dropdown(
                list(DATA),
                value="imagenette",
                label="Pictures",
                allow_custom_value=True,
                info="imagenette is downloaded once (99 MB); shapes needs nothing; "
                "folder:PATH takes your own, hub:USER/NAME those of the Hub.",
            ),
        }
        self.show = gr.Button("Show the pictures", size="sm")
        self.preview = gr.HTML("", elem_id="preview")
        learned = gr.Accordion("Start from a network that has learned", open=False)
        every = gr.Accordion("Every setting", open=False)
        self.folds = [learned, every]
        with learned:
            self.widgets |= starts()
        with every:
            self.widgets |= advanced()
            self.find_lr = gr.Button("Find a learning rate", size="sm")
            self.found_lr = gr.Markdown("")

    @property
    def inputs(self) -> set[Block]:
        return {self.preset, *self.widgets.values()}

    def config(self, values: Values) -> TrainConfig:
        """Raises UserError for values that make no sense."""
        given = {name: values[widget] for name, widget in self.widgets.items()}
        kind = "resnet" if given.pop("shortcuts") else "plain"
        given["arch"] = f"{kind}{given.pop('depth')}"
        missing = [name for name, value in given.items() if value is None]
        if missing:
            raise UserError(f"{missing[0]} is empty. Fill it in, or choose a preset again.")
        given["start_px"] = min(given["start_px"], given["px"])
        given["paired_filters"] &= can_be_paired(given["arch"], given["init"])  # as its label says
        chosen = PRESETS.get(values[self.preset], {})
        given["budget_seconds"] = chosen.get("budget_seconds", 0)
        defaults = TrainConfig().to_dict()
        kinds = {name: type(defaults[name]) for name in given}
        return TrainConfig(**{name: kinds[name](value) for name, value in given.items()})


def at_work(home: Home, names: list[str]) -> list[Any]:
    """The form's values as the run under way has them, preset first; nothing without such a run."""
    run = next((r.run for r in control.list_runs(home) if r.state in UNDER_WAY), None)
    if run is None:
        return [gr.skip()] * (1 + len(names))
    with Store(control.run_folder(home, run)) as store:
        config = store.config
    shown = config.shown() if is_public() else config
    values = shown.to_dict() | {"depth": size_of(config.arch), "shortcuts": config.residual}
    meant = [name for name, preset in PRESETS.items() if values == values | preset]
    return [meant[0] if meant else OWN, *(values[name] for name in names)]


def starts() -> dict[str, Widget]:
    return {
        "init": gr.Dropdown(
            STARTS, value="", label="Start from", allow_custom_value=True,
            info="A network that has learned already needs far fewer pictures.",
        ),
        "freeze": gr.Radio(
            FREEZES, value="none", label="Train", info="The classifier alone takes seconds: "
            "the rest looks at each picture once.",
        ),
    }  # fmt: skip


def advanced() -> dict[str, Widget]:
    default = TrainConfig(**PRESETS["coffee"])
    return {
        "depth": gr.Dropdown(NETWORKS, value=size_of(default.arch), label="Network"),
        "shortcuts": gr.Checkbox(True, label="shortcuts (off: the plain twin)"),
        "epochs": gr.Number(default.epochs, label="Epochs", precision=0),
        "px": gr.Number(default.px, label="Side in px", precision=0),
        "start_px": gr.Number(default.start_px, label="Side in the first epoch, px", precision=0),
        "batch_size": gr.Number(default.batch_size, label="Batch size", precision=0),
        "optimizer": gr.Dropdown(list(OPTIMIZERS), value=default.optimizer, label="Optimizer"),
        "lr": gr.Number(default.lr, label="Peak learning rate"),
        "weight_decay": gr.Number(default.weight_decay, label="Weight decay"),
        "warmup": gr.Number(default.warmup, label="Warm-up, share of the steps"),
        "label_smoothing": gr.Number(default.label_smoothing, label="Label smoothing"),
        "balance": gr.Dropdown(BALANCED, value="none", label="Unequal classes"),
        "min_crop": gr.Number(default.min_crop, label="Smallest crop, share of the area"),
        "cutmix": gr.Number(default.cutmix, label="CutMix, share of batches (0: none)"),
        "val_scale": gr.Number(default.val_scale, label="Side in validation, over the side"),
        "crop_pct": gr.Number(default.crop_pct, label="Side seen in validation, share"),
        "zero_init": gr.Checkbox(default.zero_init, label="start blocks as identity"),
        "paired_filters": gr.Checkbox(
            default.paired_filters, label="filters in mirrored pairs (new networks, not CIFAR's)"
        ),
        "sam_radius": gr.Number(
            default.sam_radius, label="Radius of sharpness-aware steps (0: none)"
        ),
        "ema": gr.Number(default.ema, label="Weight EMA decay (0: none)"),
        "seed": gr.Number(default.seed, label="Seed", precision=0),
        "backbone_lr": gr.Number(
            default.backbone_lr, label="Learning rate of all but the classifier, over the rate"
        ),
        "tracker": gr.Dropdown(list(TRACKERS), value="none", label="Tracker"),
        "tracker_project": gr.Textbox(default.tracker_project, label="The tracker's project"),
    }


def fill_in(choice: str, init: str) -> list[Any]:
    """What a preset means, written into the form; a network to start from keeps its size."""
    chosen = PRESETS.get(choice)
    if chosen is None:
        return [gr.skip()] * len(PRESET_WRITES)
    config = TrainConfig(**chosen)
    depth = gr.skip() if init else size_of(config.arch)
    return [depth, *(getattr(config, name) for name in PRESET_WRITES[1:])]


def fill_in_head(freeze: str, init: str, preset: str) -> list[Any]:
    """What suits the classifier alone, or the preset again; and a network to start from."""
    chosen = CLASSIFIER_ONLY if freeze == "backbone" else PRESETS.get(preset, PRESETS["coffee"])
    config = TrainConfig(**{name: chosen[name] for name in HEAD_FIELDS if name in chosen})
    start = "bundled" if freeze == "backbone" and not init else gr.skip()
    time = OWN if freeze == "backbone" else gr.skip()
    return [time, start, *(getattr(config, name) for name in HEAD_FIELDS)]


def known_starts(home: Home) -> list[tuple[str, str]]:
    """What the form offers to start from: also the runs that have weights, the newest first."""
    runs = [run for run in control.list_runs(home) if run.epoch]
    own = [(f"run {r.run}: {r.arch} on {shown_data(r.data)}", f"run:{r.run}") for r in runs]
    return [*STARTS[:2], *own, *STARTS[2:]]


def network_of(home: Home, init: str, depth: str) -> str:
    """The size of the network to start from; as it was where that is not known."""
    arch = control.arch_of(home, init)
    return size_of(arch) if arch else depth
