"""Several runs at once in the Train tab: what begins a sweep, and the panel that compares."""

from contextlib import suppress
from typing import Any

import gradio as gr
from gradio.components import Component

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.runs import sweeps
from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.ui import assets
from resnet_demo.ui.access import require_steering
from resnet_demo.ui.errors import answering, friendly
from resnet_demo.ui.requests import TrainRequest
from resnet_demo.ui.train.form import Form, Values


def build_start(home: Home, form: Form, token: Component) -> None:
    """The fields beside the form, and their button."""
    with gr.Accordion("Several runs: settings and seeds", open=False):
        vary = gr.Textbox(
            label="Vary", placeholder="lr=0.01,0.02", info="Settings and their values, one a line "
            "or with spaces between; the rest is as in the form. Empty: seeds alone.",
        )  # fmt: skip
        seeds = gr.Number(3, label="Seeds of each setting", precision=0)
        together = gr.Checkbox(False, label="all in equal steps, instead of one by one")
        begin = gr.Button("Start them all", elem_id="start-sweep")
        said = gr.Markdown("", elem_id="sweep-said")

    @friendly
    def begin_sweep(values: Values, request: gr.Request) -> str:
        require_steering(request, values[token])
        grid = sweeps.grid_of((values[vary] or "").split())
        made = sweeps.create(home, form.config(values), grid, int(values[seeds] or 0))
        sweeps.spawn_worker(home, made, bool(values[together]))
        return f"Sweep {made.sweep} has begun: runs {made.runs[0]} to {made.runs[-1]}."

    inputs = {*form.inputs, token, vary, seeds, together}
    begin.click(begin_sweep, inputs, said, concurrency_limit=1, api_visibility="private")


class Comparison:
    """The panel: a table, a figure, and what is larger than the noise."""

    def __init__(self, home: Home) -> None:
        self.home = home

    def build(self) -> None:
        with gr.Accordion("Sweeps: settings compared over seeds", open=False):
            gr.HTML(
                value=None,
                html_template=assets.read("train/sweeps.html"),
                js_on_load=assets.panel("train/sweeps.js"),
                server_functions=[
                    answering("sweep", TrainRequest, self.sweep),
                    answering("sweep_figure", TrainRequest, self.figure),
                ],
                apply_default_css=False,
                padding=False,
                elem_id="sweeps",
            )

    def sweep(self, request: TrainRequest) -> Json:
        """value: which, the newest that can be read when empty. As `sweeps.results`, with the names
        of all sweeps and the epochs that have ended in this one."""
        names = sweeps.sweep_names(self.home)
        if not names:
            return {"sweep": ""}
        chosen = sweeps.open_sweep(self.home, request.value or self.newest(names))
        runs: list[RunSnapshot[Any] | None] = sweeps.snapshots(self.home, chosen)
        epochs = sum(run.row.epoch for run in runs if run)
        answer = sweeps.results(self.home, chosen) | {"sweeps": names, "epochs": epochs}
        for part in (answer, *answer["rows"]):  # values may be paths of this machine
            part.pop("grid" if part is answer else "setting")
        return answer

    def newest(self, names: list[str]) -> str:
        """That can be read, or else the first."""
        for name in names:
            with suppress(UserError):
                return sweeps.open_sweep(self.home, name).sweep
        return names[0]

    def figure(self, request: TrainRequest) -> Json:
        """{drawings: [{item, title, caption}]} for BokehJS."""
        from resnet_demo.charts.lab import for_page  # bokeh is slow to import
        from resnet_demo.charts.sweep import drawn

        chosen = sweeps.open_sweep(self.home, request.value)
        return {"drawings": [for_page(drawn(self.home, chosen, request.dark))]}
