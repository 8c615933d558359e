"""What the Lab panel's script may call; every answer is plain JSON, an error is a sentence."""

import json
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import asdict
from functools import partial

import gradio as gr

from resnet_demo.config import Home
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.lab import curves, degradation, quiz
from resnet_demo.lab import store as labs
from resnet_demo.lab.store import Lab
from resnet_demo.progress import Progress
from resnet_demo.refs import shown_data
from resnet_demo.runs import measurements, subprocess_measurement
from resnet_demo.runs.eta import seconds_left
from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.ui import assets
from resnet_demo.ui.access import may_steer, require_steering, without_paths
from resnet_demo.ui.errors import answering, json_or_error
from resnet_demo.ui.jobs import Jobs
from resnet_demo.ui.polling import Polling
from resnet_demo.ui.requests import Asked, as_dict, text

LISTED = 40  # newest labs
RUNS_A_SECOND = 4  # read for a page; a lab of many runs is asked for less often
Measure = Callable[[Asked], Generator[Progress, None, Json]]


class LabPanel:
    """Answers the pages of one home."""

    def __init__(self, home: Home, measure_initialisation: Measure) -> None:
        self.home, self.measure_initialisation = home, measure_initialisation
        self.polling, self.jobs = Polling(), Jobs()

    def build(self) -> gr.HTML:
        def poll(asked: dict, request: gr.Request) -> dict:
            allowed = may_steer(request, text(as_dict(asked), "token"))
            return {**json_or_error(lambda: self.poll(as_dict(asked))), "may_steer": allowed}

        def steer(asked: dict, request: gr.Request) -> dict:
            return json_or_error(lambda: self.steer(as_dict(asked), request))

        def work(asked: dict, request: gr.Request) -> dict:
            return json_or_error(lambda: self.work(as_dict(asked), request))

        functions = [poll, steer, work]
        for name in ("drawings", "guess", "files", "progress", "stop"):
            functions.append(answering(name, getattr(self, name)))
        return gr.HTML(
            value=None,
            html_template=assets.read("lab/panel.html"),
            js_on_load=assets.scripts("lab/panel.js"),
            server_functions=functions,
            apply_default_css=False,
            elem_id="lab",
        )

    # --- watching --------------------------------------------------------------------------------

    def poll(self, asked: Asked) -> Json:
        """asked: {lab, have: {line: last x}}. The lab that was asked for, else the newest."""
        known = self.polling.cached(("labs",), self.list_labs)
        names = [lab["lab"] for lab in known]
        name = asked.get("lab") if asked.get("lab") in names else next(iter(names), None)
        answer = {"labs": known, "lab": name, "pace": self.polling.pace(asked.get("viewer"))}
        if name:
            have = cursors(asked.get("have"))
            key = ("lab", name, tuple(sorted(have.items())))
            answer |= self.polling.cached(key, lambda: self.read(name, have))
            answer["pace"] = max(answer["pace"], len(answer["rows"]) / RUNS_A_SECOND)
        return answer

    def list_labs(self) -> list[dict[str, str]]:
        found = [labs.open_lab(self.home, name) for name in labs.lab_names(self.home)[:LISTED]]
        return [
            {"lab": lab.lab, "protocol": lab.protocol, "data": shown_data(lab.data)}
            for lab in found
        ]

    def read(self, name: str, have: dict[str, int]) -> Json:
        lab = labs.open_lab(self.home, name)
        snapshots = labs.snapshots(self.home, lab, partial(curves.points_of, have=have))
        runs = [run.row for run in snapshots]
        found = degradation.summary(lab, snapshots)
        return {
            **found,
            "asks": quiz.questions(found["rows"]),
            "eta": self.eta(snapshots),
            "unmeasured": any(labs.not_measured(self.home, run) for run in runs),
            "created": lab.created,
            "step": min((run.step for run in runs), default=0),
            "steps": max((run.steps for run in runs), default=0),
            "message": next(
                (without_paths(run.message, run.data) for run in runs if run.message), ""
            ),
            "lines": curves.curves(snapshots),
            "why": self.progress_of_why(found["rows"]),
        }

    def eta(self, runs: list[RunSnapshot]) -> int | None:
        """Seconds until all that train in turns have ended; None when none of them trains."""
        training = next((run for run in runs if run.row.state == "running"), None)
        if training is None:
            return None
        together = set(training.facts.get("together", [])) - {training.row.run}
        return seconds_left(training, [run for run in runs if run.row.run in together])

    def progress_of_why(self, rows: list[dict]) -> str:
        """Changes whenever there is more to draw."""
        epochs = min((row["epoch"] for row in rows), default=0)
        done = [
            measurements.read(self.home, row["run"], measurements.BLOCKS) is not None
            for row in rows
        ]
        return f"{epochs} {sum(done)}"

    def drawings(self, asked: Asked) -> Json:
        """asked: {lab, part: race or why, dark}. {drawings: [{item, caption}]} for BokehJS."""
        from resnet_demo.charts import lab as figures
        from resnet_demo.charts.analysis import reasons

        parts = {"race": figures.race, "why": reasons}
        part, dark = text(asked, "part"), asked.get("dark") is True
        require_one_of("part", part, tuple(parts))
        lab = self.lab_of(asked)

        def draw() -> Json:
            found = parts[part](self.home, lab, dark)
            return {"drawings": [figures.for_page(drawing) for drawing in found]}

        return self.polling.cached((part, lab, dark), draw)

    def guess(self, asked: Asked) -> Json:
        """asked: {lab, guess}; see `lab.guess`."""
        lab = self.lab_of(asked)
        found = degradation.summary(lab, labs.snapshots(self.home, lab))
        finished = [row for row in found["rows"] if row["state"] == "finished"]
        answers = quiz.compare(as_dict(asked.get("guess")), finished, found["classes"])
        return {"answers": [asdict(answer) for answer in answers]}

    def files(self, asked: Asked) -> dict[str, str]:
        """The report as it stands: {name, text, type}."""
        lab, kind = self.lab_of(asked), text(asked, "kind")
        require_one_of("file", kind, ("html", "json"))
        content = self.polling.cached((kind, lab), lambda: self.text_of(lab, kind))
        sort = {"html": "text/html", "json": "application/json"}[kind]
        return {"name": f"lab-{lab.lab}.{kind}", "text": content, "type": sort}

    def text_of(self, lab: Lab, kind: str) -> str:
        if kind == "json":
            return json.dumps(degradation.record(self.home, lab), indent=1)
        from resnet_demo.charts.report import report

        return report(self.home, lab)

    def lab_of(self, asked: Asked) -> Lab:
        return labs.open_lab(self.home, text(asked, "lab"))

    # --- doing -----------------------------------------------------------------------------------

    def steer(self, asked: Asked, request: gr.Request) -> dict[str, str]:
        require_steering(request, text(asked, "token"))
        return {"answer": labs.steer(self.home, text(asked, "lab"), text(asked, "command"))}

    def work(self, asked: Asked, request: gr.Request) -> dict[str, str]:
        """Long work: {job}. Loss slices take all cores for minutes, so only who may train asks."""
        kinds = {"landscape": self.landscape, "initialisation": self.initialisation}
        kind = text(asked, "kind")
        require_one_of("measurement", kind, tuple(kinds))
        if kind == "landscape":
            require_steering(request, text(asked, "token"))
        return {"job": self.jobs.start(partial(kinds[kind], asked), text(asked, "visitor"))}

    def landscape(self, asked: Asked) -> Generator:
        runs = labs.deepest_pair(self.home, self.lab_of(asked))
        done = partial(self.points_done, runs)
        words = ("lab", "landscape", "--lab", text(asked, "lab"))
        return subprocess_measurement.followed(self.home, done, *words)

    def points_done(self, runs: list[str]) -> tuple[str, int, int]:
        found = [measurements.read(self.home, run, measurements.LANDSCAPE) for run in runs]
        rows = sum(len(one["losses"]) for one in found if one)
        total = len(runs) * next((one["side"] for one in found if one), 0)
        return "Loss around the networks, rows done", rows, total

    def initialisation(self, asked: Asked) -> Generator:
        """On the lab's own pictures, where a visitor may see them."""
        data, dark = self.lab_of(asked).data if asked.get("lab") else "shapes", asked.get("dark")
        with suppress(UserError):
            return self.measure_initialisation({"data": data, "dark": dark})
        return self.measure_initialisation({"data": "shapes", "dark": dark})

    def progress(self, asked: Asked) -> Json:
        return self.jobs.progress(text(asked, "job"))

    def stop(self, asked: Asked) -> Json:
        self.jobs.stop(text(asked, "job"))
        return {}


def cursors(given: object) -> dict[str, int]:
    """From a stranger's JSON: a few names with whole numbers."""
    items = list(as_dict(given).items())[:40]
    return {str(name)[:20]: x for name, x in items if type(x) is int and -1 <= x < 2**53}
