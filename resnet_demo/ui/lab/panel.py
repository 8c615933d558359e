"""What the Lab panel's script may call; every answer is plain JSON, an error is a sentence."""

import json
from collections.abc import Callable, Generator
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from typing import Any

import gradio as gr

from resnet_demo.config import Home
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.lab import curves, degradation, quiz
from resnet_demo.lab import store as labs
from resnet_demo.lab.shipped import SHIPPED, readable_lab, shipped_home
from resnet_demo.lab.store import Lab
from resnet_demo.lab.summary import finished, row_of
from resnet_demo.progress import Progress
from resnet_demo.refs import shown_data
from resnet_demo.runs import measurements, subprocess_measurement
from resnet_demo.runs.eta import seconds_left
from resnet_demo.runs.snapshot import Run, RunSnapshot
from resnet_demo.ui import assets
from resnet_demo.ui.access import may_steer, redact_paths, require_steering
from resnet_demo.ui.errors import answering, answering_sender, visitor_of
from resnet_demo.ui.jobs import Jobs
from resnet_demo.ui.polling import Polling
from resnet_demo.ui.requests import LabRequest

LISTED = 40  # newest labs
RUNS_A_SECOND = 4  # read for a page; a lab of many runs is asked for less often
Work = Generator[Progress, None, Json]
Measure = Callable[[str], Work]  # on which pictures


class LabPanel:
    """Answers the pages of one home."""

    def __init__(self, home: Home, measure_initialisation: Measure) -> None:
        self.home, self.measure_initialisation = home, measure_initialisation
        self.polling, self.jobs = Polling(), Jobs()

    def build(self) -> gr.HTML:
        functions = [
            answering_sender(action.__name__, LabRequest, action)
            for action in (self.poll, self.steer, self.work)
        ] + [
            answering(action.__name__, LabRequest, action)
            for action in (self.drawings, self.guess, self.files, self.progress, self.stop)
        ]
        return gr.HTML(
            value=None,
            html_template=assets.read("lab/panel.html"),
            js_on_load=assets.panel("lab/panel.js"),
            server_functions=functions,
            apply_default_css=False,
            padding=False,
            elem_id="lab",
        )

    # --- watching --------------------------------------------------------------------------------

    def poll(self, request: LabRequest, sender: gr.Request | None) -> Json:
        """The lab that was asked for, else the newest."""
        known = self.polling.cached(("labs",), self.list_labs)
        names = [lab["lab"] for lab in known if "damaged" not in lab]
        shipped = SHIPPED if shipped_home() else None
        here = request.lab in names or request.lab == shipped
        name = request.lab if here else next(iter(names), shipped)
        allowed, pace = may_steer(sender, request.token), self.polling.pace(request.viewer)
        answer: Json = {"labs": known, "lab": name, "pace": pace, "may_steer": allowed}
        if name:
            have = tuple(sorted(request.have.items()))
            answer |= self.polling.cached(("lab", name, have), self.read, name, dict(have))
            answer["lab"] = name
            answer["pace"] = max(pace, len(answer["rows"]) / RUNS_A_SECOND)
        return answer

    def list_labs(self) -> list[dict[str, str]]:
        """One that cannot be read is listed with the reason."""
        return [listed(self.home, name) for name in labs.lab_names(self.home)[:LISTED]]

    def read(self, name: str, have: dict[str, int]) -> Json:
        home, lab = readable_lab(self.home, name)
        snapshots = labs.snapshots(home, lab, partial(curves.points_of, have=have))
        runs = [run.row for run in snapshots]
        return {
            **degradation.summary(lab, snapshots),
            "asks": quiz.questions([row_of(run) for run in snapshots]),
            "eta": self.eta(snapshots),
            "unmeasured": any(labs.not_measured(home, run) for run in runs),
            "created": lab.created,
            "step": min((run.step for run in runs), default=0),
            "steps": max((run.steps for run in runs), default=0),
            "message": next(
                (redact_paths(run.message, run.data) for run in runs if run.message), ""
            ),
            "lines": curves.curves(snapshots),
            "why": progress_of_why(home, runs),
        }

    def eta(self, runs: list[RunSnapshot]) -> int | None:
        """Seconds until all that train in turns have ended; None when none of them trains."""
        training = next((run for run in runs if run.row.state == "running"), None)
        if training is None:
            return None
        together = set(training.facts.get("together", [])) - {training.row.run}
        return seconds_left(training, [run for run in runs if run.row.run in together])

    def drawings(self, request: LabRequest) -> Json:
        """part: race or why. {drawings: [{item, caption}]} for BokehJS."""
        from resnet_demo.charts import lab as figures
        from resnet_demo.charts.analysis import reasons

        parts = {"race": figures.race, "why": reasons}
        part, dark = request.part, request.dark
        require_one_of("part", part, tuple(parts))
        home, lab = self.lab_of(request)

        def draw() -> Json:
            drawings = parts[part](home, lab, dark)
            return {"drawings": [figures.for_page(drawing) for drawing in drawings]}

        return self.polling.cached((part, home, lab, dark), draw)

    def guess(self, request: LabRequest) -> Json:
        """See `lab.quiz`."""
        home, lab = self.lab_of(request)
        runs: list[RunSnapshot[Any]] = labs.snapshots(home, lab)
        rows = finished([row_of(run) for run in runs])
        answers = quiz.compare(request.guess, rows, degradation.classes_of(runs))
        return {"answers": [asdict(answer) for answer in answers]}

    def files(self, request: LabRequest) -> Json:
        """The report as it stands: {name, text, type}."""
        home, lab = self.lab_of(request)
        kind = request.kind
        require_one_of("file", kind, ("html", "json"))
        content = self.polling.cached((kind, home, lab), lambda: text_of(home, lab, kind))
        sort = {"html": "text/html", "json": "application/json"}[kind]
        return {"name": f"lab-{request.lab}.{kind}", "text": content, "type": sort}

    def lab_of(self, request: LabRequest) -> tuple[Home, Lab]:
        return readable_lab(self.home, request.lab)

    # --- doing -----------------------------------------------------------------------------------

    def steer(self, request: LabRequest, sender: gr.Request | None) -> Json:
        require_steering(sender, request.token)
        return {"answer": labs.steer(self.home, request.lab, request.command)}

    def work(self, request: LabRequest, sender: gr.Request | None) -> Json:
        """Long work: {job}. Loss slices take all cores for minutes, so only who may train asks."""
        kinds = {"landscape": self.landscape, "initialisation": self.initialisation}
        require_one_of("measurement", request.kind, tuple(kinds))
        if request.kind == "landscape":
            require_steering(sender, request.token)
        visitor = visitor_of(sender, request.token)
        return {"job": self.jobs.start(partial(kinds[request.kind], request), visitor)}

    def landscape(self, request: LabRequest) -> Work:
        if request.lab == SHIPPED:
            raise UserError("This lab came without its weights: start one of your own first.")
        runs = labs.deepest_pair(*self.lab_of(request))
        done = partial(self.points_done, runs)
        words = ("lab", "landscape", "--lab", request.lab)
        return subprocess_measurement.followed(self.home, done, *words)

    def points_done(self, runs: list[str]) -> tuple[str, int, int]:
        slices = [measurements.read(self.home, run, measurements.LANDSCAPE) for run in runs]
        rows = sum(len(plane["losses"]) for plane in slices if plane)
        total = len(runs) * next((plane["side"] for plane in slices if plane), 0)
        return "Loss around the networks, rows done", rows, total

    def initialisation(self, request: LabRequest) -> Work:
        """On the lab's own pictures, where a visitor may see them."""
        data = self.lab_of(request)[1].data if request.lab else "shapes"
        with suppress(UserError):
            return self.measure_initialisation(data)
        return self.measure_initialisation("shapes")

    def progress(self, request: LabRequest) -> Json:
        return self.jobs.progress(request.job)

    def stop(self, request: LabRequest) -> Json:
        self.jobs.stop(request.job)
        return {}


def listed(home: Home, name: str) -> dict[str, str]:
    try:
        lab = labs.open_lab(home, name)
    except UserError as error:
        return {"lab": name, "damaged": str(error)}
    return {"lab": name, "protocol": lab.protocol, "data": shown_data(lab.data)}


def progress_of_why(home: Home, runs: list[Run]) -> str:
    """Changes whenever there is more to draw."""
    epochs = min((run.epoch for run in runs), default=0)
    done = [measurements.read(home, run.run, measurements.BLOCKS) is not None for run in runs]
    return f"{epochs} {sum(done)}"


def text_of(home: Home, lab: Lab, kind: str) -> str:
    if kind == "json":
        return json.dumps(degradation.record(home, lab), indent=1)
    from resnet_demo.charts.report import report

    return report(home, lab)
