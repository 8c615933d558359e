"""The live panel: one gr.HTML that polls, draws with BokehJS, and leaves commands for runs."""

import csv
import importlib.util
import io
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import gradio as gr
from starlette.responses import Response
from starlette.routing import Mount
from starlette.staticfiles import StaticFiles

from resnet_demo.config import Home, TrainConfig, UserError, with_changes
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui import reports
from resnet_demo.ui.access import may_steer, require_steering
from resnet_demo.ui.feed import EPOCH_LINES, STEP_LINES, Feed, without_paths

HERE = Path(__file__).parent
LOG_CHARACTERS = 20_000
DAY_SECONDS = 86_400


class CachedFiles(StaticFiles):
    """Static files that a browser may keep: Gradio's own answers carry no Cache-Control."""

    def file_response(self, *args: object, **kwargs: object) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["Cache-Control"] = f"max-age={DAY_SECONDS}"
        return response


def bokeh_files() -> Mount:
    """BokehJS out of the bokeh package, without importing it."""
    (package,) = importlib.util.find_spec("bokeh").submodule_search_locations
    return Mount("/bokeh", CachedFiles(directory=Path(package) / "server" / "static" / "js"))


class Live:
    """What the panel's script may call; every answer is plain JSON, an error is a sentence."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.feed = Feed(home)

    def build(self) -> gr.HTML:
        def poll(asked: dict, request: gr.Request) -> dict:
            asked = asked if isinstance(asked, dict) else {}
            allowed = may_steer(request, str(asked.get("token", "")))
            return {**self.feed.poll(asked), "may_steer": allowed}

        def steer(asked: dict, request: gr.Request) -> dict:
            return told(lambda: self.steer(asked, request))

        def csv_(asked: dict) -> dict:
            return told(lambda: self.csv(asked["run"]))

        def details(asked: dict) -> dict:
            return told(lambda: self.details(asked["run"]))

        def report(asked: dict) -> dict:
            return told(lambda: reports.numbers(self.home, asked["run"]))

        def worst(asked: dict) -> dict:
            return told(lambda: reports.worst(self.home, asked["run"]))

        def confused(asked: dict) -> dict:
            return told(
                lambda: reports.confused(self.home, asked["run"], asked["label"], asked["called"])
            )

        csv_.__name__ = "csv"
        return gr.HTML(
            value=None,
            html_template=(HERE / "live.html").read_text(),
            js_on_load=scripts("live.js", "report.js"),
            server_functions=[poll, steer, csv_, details, report, worst, confused],
            apply_default_css=False,
            elem_id="live",
        )

    def steer(self, asked: dict, request: gr.Request | None) -> dict[str, object]:
        """One command for one run. Raises UserError when it may not or cannot be done."""
        require_steering(request, asked.get("token", ""))
        run, command, value = asked["run"], asked["command"], str(asked.get("value", ""))
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
        row = control.read_run(self.home, run)
        with Store(control.run_dir(self.home, run)) as store:
            config = with_changes(store.config, store.changes())
        start_px = min(config.start_px, row.px)
        return replace(config.twin(), px=row.px, start_px=start_px, budget_seconds=0)

    def csv(self, run: str) -> dict[str, str]:
        """All points of all lines, one row a step."""
        names = STEP_LINES + EPOCH_LINES
        with Store(control.run_dir(self.home, run)) as store:
            lines = store.metrics(names)
        table: dict[int, dict[str, float]] = {}
        for name, points in lines.items():
            for step, value in points:
                table.setdefault(step, {})[name] = value
        text = io.StringIO()
        writer = csv.DictWriter(text, ("step", *names))
        writer.writeheader()
        writer.writerows({"step": step, **table[step]} for step in sorted(table))
        return {"name": f"run-{run}.csv", "text": text.getvalue()}

    def details(self, run: str) -> dict[str, str]:
        folder = control.run_dir(self.home, run)
        with Store(folder) as store:
            lines = [
                f"{clock(e['time'])}  {e['text']}" for e in store.events() if e["kind"] != "set"
            ]
            data = store.config.data
        log = without_paths("\n".join(lines)[-LOG_CHARACTERS:], data)
        return {"log": log}


def scripts(*names: str) -> str:
    """A panel's scripts in one scope: each uses what those before it declare."""
    return "\n".join((HERE / name).read_text() for name in ("panel.js", *names))


def told(action) -> dict[str, object]:
    try:
        return action()
    except UserError as error:
        return {"error": str(error)}


def clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%H:%M:%S")
