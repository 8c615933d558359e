"""What an open page asks for once a second: only what is new, read once for all viewers."""

import hashlib
import json
import math
import re
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import NamedTuple, TypeVar

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.refs import DataRef, shown_data
from resnet_demo.runs import control
from resnet_demo.runs.diagnosis import Signs, diagnose
from resnet_demo.runs.gradient_history import relative_norms, short
from resnet_demo.runs.snapshot import UNDER_WAY, Run, RunSnapshot, row_of
from resnet_demo.runs.store import Store
from resnet_demo.training.schedule import px_at
from resnet_demo.ui.access import is_public

STEP_LINES = ("loss", "lr", "images_per_s")
EPOCH_LINES = ("train_loss", "val_loss", "top1", "train_error")
MAX_POINTS = 600  # a line at first load; ticks bring single points
MAX_RUNS = 6  # compared at once
LISTED = 40  # newest runs in the list
QUICK_VIEWERS = 8  # so many pages may ask once a second; more share that rate
SLOWEST_SECONDS = 4.0
KEEP_SECONDS = 0.9  # how long an answer serves other viewers
Points = list[tuple[int, float]]
T = TypeVar("T")


class Cursor(NamedTuple):
    """What a page has of a run: nothing when the generation is another one."""

    generation: int = -1
    step: int = -1
    epoch: int = -1


def cursors(asked: dict[str, object], main: str | None) -> dict[str, Cursor]:
    """From a stranger's JSON: at most MAX_RUNS, whole numbers only."""
    given = asked.get("runs")
    found = {str(run): cursor_of(c) for run, c in given.items()} if isinstance(given, dict) else {}
    if main:
        found = {main: found.get(main, Cursor())} | found
    return dict(list(found.items())[:MAX_RUNS])


def cursor_of(given: object) -> Cursor:
    values = given if isinstance(given, dict) else {}
    whole = [values.get(name, -1) for name in Cursor._fields]
    return Cursor(*(v if type(v) is int and -1 <= v < 2**53 else -1 for v in whole))


@dataclass
class Answer:
    """One answer, shared by the viewers that ask within a second."""

    made: float
    value: object = None
    ready: bool = False
    lock: threading.Lock = field(default_factory=threading.Lock)


class News(NamedTuple):
    """What a page does not have yet of a run, and what its sentence is made from."""

    series: dict[str, object]
    signs: Signs


Shown = RunSnapshot[News] | str  # why it cannot be read


class Feed:
    """Answers the pages of one home."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.kept: dict[tuple, Answer] = {}
        self.lock = threading.Lock()
        self.seen: dict[str, float] = {}  # viewer -> when it last asked

    def pace(self, viewer: object) -> float:
        """Seconds until a page should ask again: pages must stay cheap however many they are."""
        now = time.monotonic()
        with self.lock:
            self.seen[str(viewer)[:16]] = now
            self.seen = {v: at for v, at in self.seen.items() if now - at < 2 * SLOWEST_SECONDS}
            return min(SLOWEST_SECONDS, max(1.0, len(self.seen) / QUICK_VIEWERS))

    def cached(self, key: tuple, make: Callable[..., T], *arguments: object) -> T:
        """The answer made for another viewer a moment ago, or a new one."""
        with self.lock:
            now = time.monotonic()
            self.kept = {k: v for k, v in self.kept.items() if now - v.made < KEEP_SECONDS}
            answer = self.kept.setdefault(key, Answer(now))
        with answer.lock:  # viewers with the same question wait for one reading
            if not answer.ready:
                answer.value, answer.ready = make(*arguments), True
            return answer.value

    def poll(self, asked: dict[str, object]) -> dict[str, object]:
        """asked: {main, digest, runs: {RUN: {generation, step, epoch}}}; see train/panel.js."""
        names = control.run_names(self.home)
        main = asked.get("main") if asked.get("main") in names else None
        shown = self.shown(cursors(asked, main), names)
        rows, digest = self.cached(("runs",), lambda: self.list_rows(names, shown))
        if main is None and (main := default_run(rows)) is not None:
            shown = self.shown(cursors(asked, main), names)
        answer: dict[str, object] = {
            "main": main,
            "digest": digest,
            "pace": self.pace(asked.get("viewer")),
        }
        if asked.get("main") and asked["main"] != main:
            answer["missing"] = str(asked["main"])[:64]
        if asked.get("digest") != digest:
            answer["runs"] = rows
        if main:
            answer["head"] = self.head(main, shown[main])
        answer["series"] = {run: series_of(found) for run, found in shown.items()}
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
                return RunSnapshot.read(self.home.run(run), more)
            except UserError as error:
                return str(error)

        return self.cached(("run", run, cursor), snapshot)

    def list_rows(
        self, names: list[str], shown: dict[str, Shown]
    ) -> tuple[list[dict[str, object]], str]:
        read = {run: found.row for run, found in shown.items() if isinstance(found, RunSnapshot)}
        found = [read.get(name) or row_of(self.home.run(name)) for name in names[:LISTED]]
        rows = [row_for_page(row) for row in found]
        return rows, hashlib.sha256(json.dumps(rows).encode()).hexdigest()[:12]

    def head(self, run: str, found: Shown) -> dict[str, object]:
        """The line above the charts."""
        if isinstance(found, str):
            return {"run": run, "state": "failed", "message": found}
        others = [self.other(name) for name in found.facts.get("together", []) if name != run]
        return head_of(found) | {"eta": seconds_left(found, others)}

    def other(self, run: str) -> Shown:
        """A run that is trained in turns with the one that is shown."""
        return self.cached(("other", run), lambda: snapshot_of(self.home, run))

    def series(self, run: str, cursor: Cursor) -> dict[str, object]:
        """New points of all lines, or all of them when the run began anew or nothing is known."""
        return series_of(self.read(run, cursor))


def series_of(found: Shown) -> dict[str, object]:
    return {"error": found} if isinstance(found, str) else found.more.series


def snapshot_of(home: Home, run: str) -> RunSnapshot[None] | None:
    with suppress(UserError):
        return RunSnapshot.read(home.run(run))
    return None


def default_run(rows: list[dict[str, object]]) -> str | None:
    """The run to show when none was chosen: one that is under way, else the newest."""
    for state in ("running", "paused", "stopping", "queued"):
        for row in rows:
            if row["state"] == state:
                return row["run"]
    return rows[0]["run"] if rows else None


def row_for_page(run: Run) -> dict[str, object]:
    """A run as the list shows it: nothing that changes with every step, no path of the server."""
    row = asdict(run)
    for name in ("step", "steps", "seconds", "message", "params"):
        del row[name]
    row["data"] = shown_data(run.data)
    row["minutes"] = None if run.state in UNDER_WAY else round(run.seconds / 60, 1)
    row["ci95"] = interval(run.best_top1, run.num_val)
    return row


def without_paths(text: str, data: str = "") -> str:
    """For strangers: on a public page no sentence shows where something lies on the server."""
    if not is_public():
        return text
    folder = DataRef.parse(data).rest if data.startswith("folder:") else ""
    known = [str(Path(folder).expanduser())] if folder else []
    for path in (*known, folder):
        text = text.replace(path, Path(path).name) if path else text
    return re.sub(r"(?:/[\w.~-]+){2,}/?", "…", text)


def interval(top1: float | None, n: int | None) -> list[float] | None:
    if top1 is None or not n:
        return None
    return [round(bound, 2) for bound in wilson(round(top1 / 100 * n), n)]


def head_of(found: RunSnapshot[News]) -> dict[str, object]:
    row, rate = found.row, found.images_per_s
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
        "machine": found.facts.get("machine"),
        "message": without_paths(row.message, row.data),
        "diagnosis": diagnose(found.more.signs),
        "estimate": found.facts.get("estimate", "") if row.epoch == 0 else "",
    }


def seconds_left(found: RunSnapshot, others: Iterable[RunSnapshot | None]) -> int | None:
    """Of a run and all that are trained in turns with it: they end together. None when it does not
    train."""
    own = remaining_seconds(found)
    return own and own + sum(remaining_seconds(other) or 0 for other in others if other)


def remaining_seconds(found: RunSnapshot) -> int | None:
    """Work left, in pictures weighted by their area, at the speed of the last steps."""
    row, config, rate = found.row, found.config, found.images_per_s
    if row.state != "running" or not rate or not row.steps or not row.epochs:
        return None
    start_px = min(config.start_px, row.px)
    per_epoch = row.steps / row.epochs
    areas = [px_at(e / row.epochs, start_px, row.px) ** 2 for e in range(row.epochs)]
    done = row.step / per_epoch
    left = sum(
        area * max(0.0, min(1.0, index + 1 - done)) * per_epoch for index, area in enumerate(areas)
    )
    now = areas[min(int(done), row.epochs - 1)]
    validations = (row.epochs - row.epoch) * (found.epoch_metrics.get("val_seconds") or 0)
    return round(left / now * config.batch_size / rate + validations)


def signs_of(store: Store) -> Signs:
    lines = store.metrics(("loss", "train_loss", "val_loss"))
    strip = relative_norms(store, -1)
    first = last = None
    if strip["steps"]:
        blocks = [i for i, name in enumerate(strip["blocks"]) if name.startswith("layer")]
        first, last = strip["values"][-1][blocks[0]], strip["values"][-1][blocks[-1]]
    return Signs(
        losses=numbers(lines["loss"]),
        lr=store.last("lr"),
        num_classes=len(store.fact("classes") or "0123456789"),
        train_losses=numbers(lines["train_loss"]),
        val_losses=numbers(lines["val_loss"]),
        first_gradient=first,
        last_gradient=last,
    )


def numbers(points: Points) -> list[float]:
    """Values that are finite: SQLite keeps NaN as NULL."""
    return [math.inf if value is None else value for _, value in points]


def series_since(store: Store, cursor: Cursor) -> dict[str, object]:
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
    return [[step for step, _ in points], [short(value) for _, value in points]]


def thinned(points: Points, buckets: int) -> Points:
    kept = {points[0], points[-1]}
    width = len(points) / buckets
    for index in range(buckets):
        bucket = points[int(index * width) : int((index + 1) * width)]
        kept |= {min(bucket, key=value_of), max(bucket, key=value_of)} if bucket else set()
    return sorted(kept)


def value_of(point: tuple[int, float]) -> float:
    return point[1]
