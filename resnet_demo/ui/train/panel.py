"""The live panel: one gr.HTML that polls, draws with BokehJS, and leaves commands for runs."""

import csv
import io
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

import gradio as gr

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.runs import control
from resnet_demo.runs.shipped import readable_folder
from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.runs.store import Store
from resnet_demo.training.changes import with_changes
from resnet_demo.ui import assets
from resnet_demo.ui.access import hides_names, may_steer, redact_paths, require_steering
from resnet_demo.ui.errors import answering, answering_sender
from resnet_demo.ui.requests import TrainRequest
from resnet_demo.ui.train import run_report
from resnet_demo.ui.train.feed import EPOCH_LINES, STEP_LINES, Feed

LOG_CHARACTERS = 20_000


class Live:
    """What the panel's script may call; every answer is plain JSON, an error is a sentence."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.feed = Feed(home)

    def build(self) -> gr.HTML:
        answers: dict[str, Callable[[TrainRequest], Json]] = {
            "csv": lambda request: self.csv(request.run),
            "details": lambda request: self.details(request.run, request.of_owner),
            "report": lambda request: run_report.numbers(self.home, request.run, request.of_owner),
            "worst": lambda request: run_report.worst(self.home, request.run, request.of_owner),
            "confused": lambda request: run_report.confused(
                self.home, request.run, request.label, request.called, request.of_owner
            ),
        }
        return gr.HTML(
            value=None,
            html_template=assets.read("train/panel.html"),
            js_on_load=assets.panel("train/panel.js"),
            server_functions=[
                answering_sender("poll", TrainRequest, self.poll),
                answering_sender("steer", TrainRequest, self.steer),
                *(answering(name, TrainRequest, action) for name, action in answers.items()),
            ],
            apply_default_css=False,
            padding=False,
            elem_id="live",
        )

    def poll(self, request: TrainRequest, sender: gr.Request | None) -> Json:
        return {**self.feed.poll(request), "may_steer": may_steer(sender, request.token)}

    def steer(self, request: TrainRequest, sender: gr.Request | None) -> Json:
        """One command for one run. Raises UserError when it may not or cannot be done."""
        require_steering(sender, request.token)
        run, command, value = request.run, request.command, request.value
        if command == "twin":
            twin = control.start(self.home, self.twin_of(run))
            return {"run": twin, "answer": f"Run {twin} is the twin of {run}; it waits its turn."}
        actions = {
            "resume": lambda: control.resume(self.home, run),
            "cancel": lambda: control.cancel(self.home, run),
            "delete": lambda: control.delete(self.home, run),
        }
        if command not in (*actions, "pause", "stop", "set"):
            raise UserError(f"There is no command '{command}'.")
        act = actions.get(command, lambda: control.send(self.home, run, command, value))
        return {"answer": act()}

    def twin_of(self, run: str) -> TrainConfig:
        """The same run without shortcuts, or with them: same pictures, rate and epochs."""
        snapshot: RunSnapshot[None] = RunSnapshot.read(readable_folder(self.home, run))
        config, px = with_changes(snapshot.config, snapshot.changes), snapshot.row.px
        start_px = min(config.start_px, px)
        return replace(config.twin(), px=px, start_px=start_px, budget_seconds=0)

    def csv(self, run: str) -> dict[str, str]:
        """All points of all lines, one row a step."""
        names = STEP_LINES + EPOCH_LINES
        with Store(readable_folder(self.home, run)) as store:
            lines = store.metrics(names)
        table: dict[int, dict[str, float]] = {}
        for name, points in lines.items():
            for step, value in points:
                table.setdefault(step, {})[name] = value
        table_text = io.StringIO()
        writer = csv.DictWriter(table_text, ("step", *names))
        writer.writeheader()
        writer.writerows({"step": step, **table[step]} for step in sorted(table))
        return {"name": f"run-{run}.csv", "text": table_text.getvalue()}

    def details(self, run: str, owner: bool = False) -> dict[str, str]:
        folder = readable_folder(self.home, run)
        with Store(folder) as store:
            data = store.config.data
            hidden = ("set", "data") if hides_names(data, owner) else ("set",)  # "data" names files
            lines = [
                f"{clock(e['time'])}  {e['text']}"
                for e in store.events()
                if e["kind"] not in hidden
            ]
        log = redact_paths("\n".join(lines)[-LOG_CHARACTERS:], data)
        return {"log": log}


def clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
