"""The Lab tab: what to race on the left, the panel that shows it."""

from typing import Any

import gradio as gr
from gradio.blocks import Block
from gradio.components import Component

from resnet_demo.config import Home, TrainConfig
from resnet_demo.lab import protocols
from resnet_demo.lab import store as labs
from resnet_demo.lab.quiz import NOT_A_DEPTH
from resnet_demo.runs.subprocess_measurement import Estimates
from resnet_demo.ui.access import require_steering
from resnet_demo.ui.errors import friendly, ignore_errors
from resnet_demo.ui.lab.panel import LabPanel, Measure

DATA = ["cifar10", "imagenette", "shapes"]
OPEN_JS = "(lab) => { window.dispatchEvent(new CustomEvent('resnet-lab', {detail: lab})); }"
Values = dict[Component, Any]


class Form:
    """What a lab is started with."""

    def __init__(self) -> None:
        choices = [(f"{name}: {p.says}", name) for name, p in protocols.PROTOCOLS.items()]
        self.protocol = gr.Radio(choices, value="quick", label="How long have you got?")
        self.data = gr.Dropdown(
            DATA, value="cifar10", label="Pictures", elem_id="lab-data",
            allow_custom_value=True,
            info="cifar10 is the paper's (170 MB, downloaded once); shapes needs nothing; "
            "folder:PATH takes your own.",
        )  # fmt: skip
        self.depths = gr.Textbox(
            "20, 56",
            label="Layers",
            elem_id="lab-layers",
            info=f"Add 32, 38 or 44 to see what is between. {NOT_A_DEPTH}",
        )
        self.seeds = gr.Number(1, label="Seeds", precision=0, minimum=1, maximum=10)

    @property
    def inputs(self) -> set[Block]:
        return {self.protocol, self.data, self.depths, self.seeds}

    def configs(self, values: Values, home: Home) -> list[TrainConfig]:
        """Raises UserError for depths that cannot be built."""
        depths = protocols.depths_in(values[self.depths] or "")
        wanted = (values[self.protocol], values[self.data], home, depths, values[self.seeds] or 0)
        return protocols.configs(*wanted)

    def fill_in(self, protocol: str) -> tuple[str, int]:
        chosen = protocols.PROTOCOLS[protocol]
        return ", ".join(map(str, chosen.depths)), chosen.seeds


def build(home: Home, measure_initialisation: Measure, token: Component) -> None:
    """Lay out the tab and wire it."""
    with gr.Row():
        with gr.Column(scale=1, min_width=280):
            form = Form()
            start = gr.Button("Start the lab", variant="primary", elem_id="start-lab")
            how_long = gr.Button("How long here?", size="sm")
            here = gr.Markdown("", elem_id="lab-estimate")
            started = gr.Textbox(visible=False)
        with gr.Column(scale=4, min_width=300):
            LabPanel(home, measure_initialisation).build()
    wire(home, form, token, start, how_long, here, started)


def wire(
    home: Home, form: Form, token: Component, start: gr.Button, how_long: gr.Button,
    here: Component, started: Component,
) -> None:  # fmt: skip
    @friendly
    def begin(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        return labs.start(home, values[form.protocol], form.configs(values, home)).lab

    estimates = Estimates(home)

    @friendly
    def estimate(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        form.configs(values, home)  # refused here, not in a process
        words = [f"--protocol={values[form.protocol]}", f"--data={values[form.data]}"]
        words += [f"--depths={values[form.depths]}", f"--seeds={values[form.seeds] or 0}"]
        estimate = estimates.ask("lab", "degradation", "--estimate", *words)
        return estimate["sentence"]

    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    inputs = {*form.inputs, token}
    shared: dict[str, Any] = {"concurrency_limit": None, "api_visibility": "private"}
    form.protocol.input(form.fill_in, form.protocol, [form.depths, form.seeds], **quiet).then(
        ignore_errors(estimate), inputs, here, show_progress="hidden", **shared
    )
    start.click(begin, inputs, started, concurrency_limit=1, api_visibility="private").success(
        None, started, None, js=OPEN_JS, api_visibility="private"
    )
    how_long.click(estimate, inputs, here, **shared)
