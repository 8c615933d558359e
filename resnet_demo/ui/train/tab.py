"""The Train tab: form -> TrainConfig -> runs.control.start(); the live panel beside it."""

import base64
import html
import io
from functools import partial
from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component
from PIL import Image

from resnet_demo.config import (
    CIFAR_DEPTHS,
    IMAGENET_DEPTHS,
    OPTIMIZERS,
    PRESETS,
    TRACKERS,
    Home,
    TrainConfig,
)
from resnet_demo.data.preview import preview
from resnet_demo.data.sources import open_here
from resnet_demo.errors import UserError
from resnet_demo.refs import DATA, shown_data
from resnet_demo.runs import control
from resnet_demo.runs.snapshot import UNDER_WAY
from resnet_demo.runs.store import Store
from resnet_demo.runs.subprocess_measurement import Estimates, options
from resnet_demo.ui.access import check_shown, is_public, require_steering
from resnet_demo.ui.errors import friendly, ignore_errors
from resnet_demo.ui.train.panel import Live

OWN = "my own"
CHOICES = {
    "a minute": "minute",
    "a coffee (about 8 minutes)": "coffee",
    "lunch (about 30 minutes)": "lunch",
    OWN: OWN,
}
NETWORKS = [(f"ResNet-{depth}", depth) for depth in IMAGENET_DEPTHS + CIFAR_DEPTHS]
TILES, TILE_CLASSES = 4, 20
# what a preset writes into the form
PRESET_FIELDS = ("epochs", "px", "start_px", "min_crop", "val_scale")
START_RUN_JS = "(run) => { window.dispatchEvent(new CustomEvent('resnet-run', {detail: run})); }"
Values = dict[Component, Any]
Widget = gr.Dropdown | gr.Number | gr.Checkbox | gr.Textbox


class Form:
    """The widgets that make a TrainConfig; their names are its fields, but for `depth` and
    `shortcuts`, which make `arch`."""

    def __init__(self) -> None:
        self.preset = gr.Radio(list(CHOICES.items()), value="coffee", label="What have you got?")
        self.widgets: dict[str, Widget] = {}

    def lay_out(self) -> None:
        """Below what most people need: a preset and Start."""
        coffee = PRESETS["coffee"]
        self.widgets |= {
            "data": gr.Dropdown(
                list(DATA),
                value="imagenette",
                label="Pictures",
                allow_custom_value=not is_public(),
                info="imagenette is downloaded once (99 MB); shapes needs nothing; "
                "folder:PATH takes your own.",
            ),
            "depth": gr.Dropdown(NETWORKS, value=18, label="Network"),
            "shortcuts": gr.Checkbox(True, label="shortcuts (off: the plain twin)"),
            "epochs": gr.Number(coffee["epochs"], label="Epochs", precision=0),
            "px": gr.Number(coffee["px"], label="Side in px", precision=0),
        }  # fmt: skip
        with gr.Accordion("Advanced", open=False):
            self.widgets |= advanced()
            self.find_lr = gr.Button("Find a learning rate", size="sm")

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
    values = config.to_dict() | {"depth": config.depth, "shortcuts": config.residual}
    values["data"] = shown_data(config.data) if is_public() else config.data
    meant = [name for name, preset in PRESETS.items() if values == values | preset]
    return [meant[0] if meant else OWN, *(values[name] for name in names)]


def advanced() -> dict[str, Widget]:
    default = TrainConfig(**PRESETS["coffee"])
    return {
        "start_px": gr.Number(default.start_px, label="Side in the first epoch, px", precision=0),
        "batch_size": gr.Number(default.batch_size, label="Batch size", precision=0),
        "optimizer": gr.Dropdown(list(OPTIMIZERS), value=default.optimizer, label="Optimizer"),
        "lr": gr.Number(default.lr, label="Peak learning rate"),
        "weight_decay": gr.Number(default.weight_decay, label="Weight decay"),
        "warmup": gr.Number(default.warmup, label="Warm-up, share of the steps"),
        "label_smoothing": gr.Number(default.label_smoothing, label="Label smoothing"),
        "min_crop": gr.Number(default.min_crop, label="Smallest crop, share of the area"),
        "val_scale": gr.Number(default.val_scale, label="Side in validation, over the side"),
        "zero_init": gr.Checkbox(default.zero_init, label="start blocks as identity"),
        "ema": gr.Number(default.ema, label="Weight EMA decay (0: none)"),
        "seed": gr.Number(default.seed, label="Seed", precision=0),
        "init": gr.Textbox("", label="Start from", placeholder="timm:resnet18, run:0001, bundled"),
        "tracker": gr.Dropdown(list(TRACKERS), value="none", label="Tracker"),
    }


def fill_in(choice: str) -> list[Any]:
    """What a preset means, written into the form."""
    chosen = PRESETS.get(choice)
    if chosen is None:
        return [gr.skip()] * len(PRESET_FIELDS)
    config = TrainConfig(**chosen)
    return [getattr(config, name) for name in PRESET_FIELDS]


def tiles(config: TrainConfig, home: Home) -> str:
    """Augmented training pictures of each class as HTML."""
    check_shown(config.data)
    pictures = open_here(config.data, home)
    if pictures is None:
        return f"<p>{config.data} is not on this machine yet; Start downloads it first.</p>"
    parts = [
        f'<figure><img src="{strip(images)}" alt="{len(images)} pictures of {html.escape(name)}">'
        f"<figcaption>{html.escape(name)}</figcaption></figure>"
        for name, images in preview(pictures, config.px, config.min_crop, TILES, TILE_CLASSES)
    ]
    left = len(pictures.classes) - TILE_CLASSES
    more = f" {left} more classes are not shown." if left > 0 else ""
    sizes = f"{len(pictures.train):,} to train, {len(pictures.val):,} to validate."
    note = html.escape(f"{sizes} {pictures.note}{more}")
    return f'<p>{note}</p><div class="tiles">{"".join(parts)}</div>'


def strip(images: list) -> str:
    """Four pictures in a square, as a data URL."""
    side = images[0].shape[0]
    sheet = Image.new("RGB", (2 * side, 2 * side), "white")
    for index, image in enumerate(images):
        sheet.paste(Image.fromarray(image), (index % 2 * side, index // 2 * side))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def networks_table(depth: int, shortcuts: bool) -> str:
    """The paper's Table 1 with our counts for one network."""
    from resnet_demo.models import describe

    arch = f"{'resnet' if shortcuts else 'plain'}{depth}"
    rows = describe(arch)
    cells = "".join(
        f"<tr><td>{r.stage}</td><td>{r.output_px} × {r.output_px}</td><td>{r.blocks or ''}</td>"
        f"<td>{r.params:,}</td><td>{r.multiply_adds:,}</td></tr>"
        for r in rows
    )
    total = f"<tr><td>{arch}</td><td></td><td>{sum(r.blocks for r in rows)}</td>"
    total += f"<td>{sum(r.params for r in rows):,}</td>"
    total += f"<td>{sum(r.multiply_adds for r in rows):,}</td></tr>"
    head = "<th>stage</th><th>output</th><th>blocks</th><th>parameters</th><th>multiply-adds</th>"
    return f'<div class="networks"><table><tr>{head}</tr>{cells}{total}</table></div>'


def build(home: Home) -> Component:
    """Lay out the tab and wire it; returns the box of the admin token, which all tabs share."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            form = Form()
            start = gr.Button("Start training", variant="primary", elem_id="start")
            here = gr.Markdown("", elem_id="estimate")
            token = gr.Textbox(
                label="Admin token", type="password", elem_id="admin-token", visible=is_public(),
                info="Kept in this browser only.",
            )  # fmt: skip
            form.lay_out()
            with gr.Row():
                how_long = gr.Button("How long here?", size="sm")
                show = gr.Button("Show the pictures", size="sm")
            started = gr.Textbox(visible=False)
        with gr.Column(scale=3, min_width=300):
            Live(home).build()
            pictures = gr.HTML("", elem_id="preview")
            with gr.Accordion("The networks: the paper's Table 1, counted here", open=False) as acc:
                table = gr.HTML("")
    wire(home, form, token, start, started)
    names = list(form.widgets)
    gr.on(
        None, partial(at_work, home, names), None, [form.preset, *form.widgets.values()],
        api_visibility="private", show_progress="hidden",
    )  # fmt: skip
    wire_estimate(home, form, token, here, how_long)
    draw = friendly(lambda values: tiles(form.config(values), home))
    show.click(draw, form.inputs, pictures, api_visibility="private")
    networks = [form.widgets["depth"], form.widgets["shortcuts"]]
    for event in (acc.expand, networks[0].change, networks[1].change):
        event(networks_table, networks, table, api_visibility="private", show_progress="hidden")
    return token


def wire(home: Home, form: Form, token: Component, start: gr.Button, started: Component) -> None:
    @friendly
    def begin(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        return control.start(home, form.config(values))

    start.click(
        begin, {*form.inputs, token}, started, concurrency_limit=1, api_visibility="private"
    ).success(None, started, None, js=START_RUN_JS, api_visibility="private")
    for name in PRESET_FIELDS:
        form.widgets[name].input(
            lambda: OWN, None, form.preset, api_visibility="private", show_progress="hidden"
        )


def wire_estimate(
    home: Home, form: Form, token: Component, here: Component, how_long: gr.Button
) -> None:
    estimates = Estimates(home)

    @friendly
    def measure(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        return estimates.ask("estimate", *options(form.config(values)))["sentence"]

    @friendly
    def find(values: Values, request: gr.Request) -> tuple[float, str]:
        require_steering(request, values[token])
        found = estimates.ask("find-lr", *options(form.config(values)))
        return found["lr"], found["sentence"]

    inputs = {*form.inputs, token}
    shared: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private"}
    how_long.click(measure, inputs, here, **shared)
    filled = [form.widgets[name] for name in PRESET_FIELDS]
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    chosen = form.preset.input(fill_in, form.preset, filled, **quiet)
    for event in (chosen.then, form.widgets["depth"].input, form.widgets["data"].input):
        event(ignore_errors(measure), inputs, here, show_progress="hidden", **shared)
    form.find_lr.click(find, inputs, [form.widgets["lr"], here], **shared)
