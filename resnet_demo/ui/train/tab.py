"""The Train tab: form -> TrainConfig -> runs.control.start(); the live panel beside it."""

import base64
import io
from functools import partial
from typing import Any

import gradio as gr
from gradio.components import Component
from PIL import Image

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.preview import preview
from resnet_demo.data.sources import open_here
from resnet_demo.runs import control
from resnet_demo.runs.subprocess_measurement import Estimates
from resnet_demo.templates import render
from resnet_demo.ui.access import check_shown, is_public, may_steer, require_steering
from resnet_demo.ui.errors import friendly, ignore_errors
from resnet_demo.ui.train import pictures as pictures_panel
from resnet_demo.ui.train import rent, sweeps
from resnet_demo.ui.train.form import (
    HEAD_FIELDS,
    OWN,
    PRESET_FIELDS,
    PRESET_WRITES,
    Form,
    Values,
    at_work,
    fill_in,
    fill_in_head,
    known_starts,
    network_of,
)
from resnet_demo.ui.train.panel import Live

TILES, TILE_CLASSES = 4, 20
START_RUN_JS = """(run) => {
  window.dispatchEvent(new CustomEvent('resnet-run', {detail: run}));
  document.querySelector('#live').scrollIntoView({behavior: 'smooth', block: 'nearest'});
}"""


def tiles(config: TrainConfig, home: Home, owner: bool = False) -> str:
    """Augmented training pictures of each class as HTML."""
    check_shown(config.data, owner)
    pictures = open_here(config.data, home)
    if pictures is None:
        return f"<p>{config.data} is not on this machine yet; Start downloads it first.</p>"
    shown = preview(pictures, config.px, config.min_crop, TILES, TILE_CLASSES)
    return render(
        "ui/train/preview.html",
        tiles=[(name, len(images), strip(images)) for name, images in shown],
        left=len(pictures.classes) - TILE_CLASSES,
        sizes=f"{len(pictures.train):,} to train, {len(pictures.val):,} to validate.",
        note=pictures.note,
    )


def strip(images: list) -> str:
    """Four pictures in a square, as a data URL."""
    side = images[0].shape[0]
    sheet = Image.new("RGB", (2 * side, 2 * side), "white")
    for index, image in enumerate(images):
        sheet.paste(Image.fromarray(image), (index % 2 * side, index // 2 * side))
    data = io.BytesIO()
    sheet.save(data, "JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(data.getvalue()).decode()


def networks_table(depth: str, shortcuts: bool) -> str:
    """The paper's Table 1 with our counts for one network."""
    from resnet_demo.models import describe

    arch = f"{'resnet' if shortcuts else 'plain'}{depth}"
    return render("ui/train/networks.html", arch=arch, rows=describe(arch))


def build(home: Home) -> Component:
    """Lay out the tab and wire it; returns the box of the admin token, which all tabs share."""
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            form = Form()
            start = gr.Button("Start training", variant="primary", elem_id="start")
            how_long = gr.Button("How long here?", size="sm")
            here = gr.Markdown("", elem_id="estimate")
            token = gr.Textbox(
                label="Admin token", type="password", elem_id="admin-token", visible=is_public(),
                info="Kept in this browser only.",
            )  # fmt: skip
            form.lay_out()
            pictures_panel.build(home, form, token)
            sweeps.build_start(home, form, token)
            started = gr.Textbox(visible=False)
            rented = rent.build(home, form, token, started)
        with gr.Column(scale=3, min_width=300):
            Live(home).build()
            sweeps.Comparison(home).build()
            with gr.Accordion("The networks: the paper's Table 1, counted here", open=False) as acc:
                table = gr.HTML("", apply_default_css=False)
    wire(home, form, token, start, started)
    rented.success(None, started, None, js=START_RUN_JS, api_visibility="private")
    names = list(form.widgets)
    gr.on(
        None, partial(at_work, home, names), None, [form.preset, *form.widgets.values()],
        api_visibility="private", show_progress="hidden",
    )  # fmt: skip
    wire_estimate(home, form, token, here, how_long)

    @friendly
    def draw(values: Values, request: gr.Request) -> str:
        return tiles(form.config(values), home, may_steer(request, values[token]))

    form.show.click(draw, {*form.inputs, token}, form.preview, api_visibility="private")
    networks = [form.widgets["depth"], form.widgets["shortcuts"]]
    for event in (acc.expand, networks[0].change, networks[1].change):
        event(networks_table, networks, table, api_visibility="private", show_progress="hidden")
    return token


def wire(home: Home, form: Form, token: Component, start: gr.Button, started: Component) -> None:
    @friendly
    def begin(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        return control.start(home, form.config(values))

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    begun = start.click(
        begin, {*form.inputs, token}, started, concurrency_limit=1, api_visibility="private"
    )
    begun.success(None, started, None, js=START_RUN_JS, api_visibility="private")
    begun.success(lambda: [gr.Accordion(open=False) for _ in form.folds], None, form.folds, **quiet)
    init, freeze, depth = (form.widgets[name] for name in ("init", "freeze", "depth"))
    head = [form.preset, init, *(form.widgets[name] for name in HEAD_FIELDS)]
    filled = freeze.input(fill_in_head, [freeze, init, form.preset], head, **quiet)
    for event in (filled.then, init.input):
        event(friendly(partial(network_of, home)), [init, depth], depth, **quiet)
    assert isinstance(init, gr.Dropdown)
    init.focus(lambda: gr.Dropdown(choices=known_starts(home)), None, init, **quiet)
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
        return estimates.ask("estimate", *form.config(values).options())["sentence"]

    @friendly
    def find(values: Values, request: gr.Request) -> tuple[float, str]:
        require_steering(request, values[token])
        suggestion = estimates.ask("find-lr", *form.config(values).options())
        return suggestion["lr"], suggestion["sentence"]

    inputs = {*form.inputs, token}
    shared: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private"}
    how_long.click(measure, inputs, here, **shared)
    init, *filled = (form.widgets[name] for name in ("init", *PRESET_WRITES))
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    chosen = form.preset.input(fill_in, [form.preset, init], filled, **quiet)
    for event in (chosen.then, form.widgets["depth"].input, form.widgets["data"].input):
        event(ignore_errors(measure), inputs, here, show_progress="hidden", **shared)
    form.find_lr.click(find, inputs, [form.widgets["lr"], form.found_lr], **shared)
