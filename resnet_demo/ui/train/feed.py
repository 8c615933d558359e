"""What an open page asks for once a second: only what is new, read once for all viewers."""

import hashlib
import json
from contextlib import suppress
from dataclasses import asdict
from typing import NamedTuple

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json
from resnet_demo.refs import shown_data
from resnet_demo.runs import control
from resnet_demo.runs.diagnosis import Signs, diagnose, signs_of
from resnet_demo.runs.eta import seconds_left
from resnet_demo.runs.gradient_history import relative_norms, round_significant
from resnet_demo.runs.shipped import SHIPPED, place_of, shipped_run
from resnet_demo.runs.snapshot import UNDER_WAY, Run, RunSnapshot, row_of
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import redact_paths
from resnet_demo.ui.polling import Polling
from resnet_demo.ui.requests import Cursor, TrainRequest

STEP_LINES = ("loss", "lr", "images_per_s")
EPOCH_LINES = ("train_loss", "val_loss", "top1", "train_error")
MAX_POINTS = 600  # a line at first load; ticks bring single points
MAX_RUNS = 6  # compared at once
LISTED = 40  # newest runs in the list
Points = list[tuple[int, float]]


def cursors(request: TrainRequest, main: str | None) -> dict[str, Cursor]:
    """Of the runs that are drawn, the main one first: at most MAX_RUNS."""
    known = request.runs
    if main:
        known = {main: known.get(main, Cursor())} | known
    return dict(list(known.items())[:MAX_RUNS])


class News(NamedTuple):
    """What a page does not have yet of a run, and what its sentence is made from."""

    series: Json
    signs: Signs


Shown = RunSnapshot[News] | str  # why it cannot be read


class Feed(Polling):
    """Answers the pages of one home."""

    def __init__(self, home: Home) -> None:
        super().__init__()
        self.home = home

    def poll(self, request: TrainRequest) -> Json:
        """See train/panel.js."""
        names = control.run_names(self.home)
        if shipped_run():
            names = [*names, SHIPPED]
        main = request.main if request.main in names else None
        shown = self.shown(cursors(request, main), names)
        rows, digest = self.cached(("runs",), lambda: self.list_rows(names, shown))
        if main is None and (main := default_run(rows)) is not None:
            shown = self.shown(cursors(request, main), names)
            main = main if main in shown else None  # deleted since the rows were read
        answer: Json = {
            "main": main,
            "digest": digest,
            "pace": self.pace(request.viewer),
        }
        if request.main and request.main != main:
            answer["missing"] = request.main[:64]
        if request.digest != digest:
            answer["runs"] = rows
        if main:
            answer["head"] = self.head(main, shown[main])
        answer["series"] = {run: series_of(snapshot) for run, snapshot in shown.items()}
        return answer

    def shown(self, wanted: dict[str, Cursor], names: list[str]) -> dict[str, Shown]:
        """The runs that are drawn; each file is opened once."""
        return {run: self.read(run, cursor) for run, cursor in wanted.items() if run in names}

    def read(self, run: str, cursor: Cursor) -> Shown:
        """A run and what is new of it, read once a second for all who have as much of it; why it
        cannot be read otherwise."""

        def more(store: Store) -> News:
            return News(series_since(store, cursor), self.cached(("signs", run), signs_of, store))

        def snapshot() -> Shown:
            try:
                return RunSnapshot.read(place_of(self.home, run), more)
            except UserError as error:
                return str(error)

        return self.cached(("run", run, cursor), snapshot)

    def list_rows(self, names: list[str], shown: dict[str, Shown]) -> tuple[list[Json], str]:
        read = {run: listed.row for run, listed in shown.items() if isinstance(listed, RunSnapshot)}
        listed = [read.get(name) or row_of(place_of(self.home, name)) for name in names[:LISTED]]
        rows = [row_for_page(row) for row in listed]
        return rows, hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

    def head(self, run: str, snapshot: Shown) -> Json:
        """The line above the charts."""
        if isinstance(snapshot, str):
            return {"run": run, "state": "failed", "message": snapshot}
        others = [self.other(name) for name in snapshot.facts.get("together", []) if name != run]
        return head_of(snapshot) | {"eta": seconds_left(snapshot, others)}

    def other(self, run: str) -> RunSnapshot[None] | None:
        """A run that is trained in turns with the one that is shown."""
        return self.cached(("other", run), lambda: snapshot_of(self.home, run))

    def series(self, run: str, cursor: Cursor) -> Json:
        """New points of all lines, or all of them when the run began anew or nothing is known."""
        return series_of(self.read(run, cursor))


def series_of(snapshot: Shown) -> Json:
    return {"error": snapshot} if isinstance(snapshot, str) else snapshot.more.series


def snapshot_of(home: Home, run: str) -> RunSnapshot[None] | None:
    with suppress(UserError):
        return RunSnapshot.read(home.run(run))
    return None


def default_run(rows: list[Json]) -> str | None:
    """The run to show when none was chosen: one that is under way, else the newest."""
    for state in ("running", "paused", "stopping", "queued"):
        for row in rows:
            if row["state"] == state:
                return row["run"]
    return rows[0]["run"] if rows else None


def row_for_page(run: Run) -> Json:
    """A run as the list shows it: nothing that changes with every step, no path of the server."""
    row = asdict(run)
    for name in ("step", "steps", "seconds", "message", "params"):
        del row[name]
    row["data"] = shown_data(run.data)
    row["minutes"] = None if run.state in UNDER_WAY else round(run.seconds / 60, 1)
    row["ci95"] = interval(run.best_top1, run.num_val)
    return row


def interval(top1: float | None, n: int | None) -> list[float] | None:
    if top1 is None or not n:
        return None
    return [round(bound, 2) for bound in wilson(round(top1 / 100 * n), n)]


def head_of(snapshot: RunSnapshot[News]) -> Json:
    row, rate = snapshot.row, snapshot.images_per_s
    return {
        "run": row.run,
        "state": row.state,
        "arch": row.arch,
        "data": shown_data(row.data),
        "epoch": row.epoch,
        "epochs": row.epochs,
        "step": row.step,
        "steps": row.steps,
        "seconds": round(row.seconds),
        "images_per_s": rate and round(rate, 1),
        "top1": row.top1,
        "best_top1": row.best_top1,
        "ci95": interval(row.best_top1, row.num_val),
        "n": row.num_val,
        "machine": snapshot.facts.get("machine"),
        "cutmix": snapshot.config.cutmix,
        "message": redact_paths(row.message, row.data),
        "diagnosis": diagnose(snapshot.more.signs),
        "estimate": snapshot.facts.get("estimate", "") if row.epoch == 0 else "",
    }


def series_since(store: Store, cursor: Cursor) -> Json:
    generation = store.fact("generation", 0)
    fresh = cursor.generation != generation
    step, epoch = (-1, -1) if fresh else (cursor.step, cursor.epoch)
    lines = store.metrics(STEP_LINES, step) | store.metrics(EPOCH_LINES, epoch)
    return {
        "generation": generation,
        "reset": fresh,
        "lines": {name: columns(points) for name, points in lines.items() if points},
        "strip": relative_norms(store, step),
    }


def columns(points: Points) -> list[list[float]]:
    """[[steps], [values]], thinned to MAX_POINTS by keeping each bucket's lowest and highest."""
    if len(points) > MAX_POINTS:
        points = thinned(points, MAX_POINTS // 2)
    return [[step for step, _ in points], [round_significant(value) for _, value in points]]


def thinned(points: Points, buckets: int) -> Points:
    kept = {points[0], points[-1]}
    width = len(points) / buckets
    for index in range(buckets):
        bucket = points[int(index * width) : int((index + 1) * width)]
        kept |= {min(bucket, key=value_of), max(bucket, key=value_of)} if bucket else set()
    return sorted(kept)


def value_of(point: tuple[int, float]) -> float:
    return point[1]
