"""What a lab's runs have shown: rows, a table by depth, and intervals."""

import math
from collections.abc import Iterable
from statistics import mean
from typing import Any

from resnet_demo.evaluate.statistics import interval, wilson
from resnet_demo.files import Json
from resnet_demo.runs.snapshot import RunSnapshot

Row = Json


def rows_of(runs: Iterable[RunSnapshot[Any]]) -> list[Row]:
    """One a run: {run, arch, depth, residual, seed, state, epoch, train_error, val_error, params,
    num_train, num_val}; errors in percent, of the last epoch."""
    return [row_of(run) for run in runs]


def row_of(snapshot: RunSnapshot[Any]) -> Row:
    run = snapshot.row
    return {
        "run": run.run,
        "arch": run.arch,
        "depth": snapshot.config.depth,
        "residual": snapshot.config.residual,
        "seed": run.seed,
        "state": run.state,
        "epoch": run.epoch,
        "train_error": snapshot.epoch_metrics.get("train_error"),
        "val_error": None if run.top1 is None else 100 - run.top1,
        "params": run.params,
        "num_train": snapshot.facts.get("num_train"),
        "num_val": run.num_val,
    }


def select(rows: Iterable[Row], residual: bool, depth: int | None = None) -> list[Row]:
    """Of one kind, with a training error, by seed."""
    selected = [
        row
        for row in rows
        if row["residual"] is residual and depth in (None, row["depth"]) and has_error(row)
    ]
    return sorted(selected, key=lambda row: row["seed"])


def has_error(row: Row) -> bool:
    return row["train_error"] is not None


def table(rows: list[Row]) -> list[Row]:
    """One a depth: {depth, params, plain: {train, val}, residual: {train, val}, gap}; each number
    is {mean, low, high, seeds} or None, gap is plain minus residual training error."""
    lines = []
    for depth in sorted({row["depth"] for row in rows}):
        plain, residual = (select(rows, kind, depth) for kind in (False, True))
        params = [row["params"] for row in rows if row["depth"] == depth and row["params"]]
        cells = {"plain": cell(plain), "residual": cell(residual), "gap": gap(plain, residual)}
        lines.append({"depth": depth, "params": (params or [None])[0], **cells})
    return lines


def gap(plain: list[Row], residual: list[Row]) -> Row | None:
    """Seed by seed; of a single seed, over the pictures."""
    others = {row["seed"]: row for row in residual}
    pairs = [(row, others[row["seed"]]) for row in plain if row["seed"] in others]
    if not pairs:
        return None
    points = [row["train_error"] - other["train_error"] for row, other in pairs]
    if len(points) > 1:
        low, high = interval(points)
    else:
        halves = [cell([row])["train"] for row in pairs[0]]
        width = math.hypot(*((half["high"] - half["low"]) / 2 for half in halves))
        low, high = points[0] - width, points[0] + width
    return {"mean": mean(points), "low": low, "high": high, "seeds": len(points)}


def cell(rows: list[Row]) -> Row:
    return {
        "train": spread_of([(row["train_error"], row["num_train"]) for row in rows]),
        "val": spread_of([(row["val_error"], row["num_val"]) for row in rows]),
    }


def spread_of(values: list[tuple[float, int]]) -> Row | None:
    """Over the seeds; of a single seed, over the pictures (which says nothing of other seeds)."""
    values = [(error, n) for error, n in values if error is not None]
    if not values:
        return None
    errors = [error for error, _ in values]
    if len(errors) == 1:
        n = values[0][1] or 0
        low, high = wilson(round(errors[0] / 100 * n), n)
    else:
        low, high = interval(errors)
    return {"mean": mean(errors), "low": low, "high": high, "seeds": len(errors)}
