"""What a lab's runs have shown: rows, a table by depth, and intervals."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import mean
from typing import Any

from resnet_demo.evaluate.statistics import interval, wilson
from resnet_demo.runs.snapshot import RunSnapshot


@dataclass(frozen=True)
class Row:
    """A run; errors in percent, of its last epoch."""

    run: str
    arch: str
    depth: int
    residual: bool
    seed: int
    state: str
    epoch: int
    train_error: float | None
    val_error: float | None
    params: int | None
    num_train: int | None
    num_val: int | None


@dataclass(frozen=True)
class Spread:
    """A mean with its 95 % interval over the seeds; of a single seed, over the pictures (which
    says nothing of other seeds)."""

    mean: float
    low: float
    high: float
    seeds: int


@dataclass(frozen=True)
class Errors:
    train: Spread | None
    val: Spread | None


@dataclass(frozen=True)
class Line:
    """A depth; gap is plain minus residual training error."""

    depth: int
    params: int | None
    plain: Errors
    residual: Errors
    gap: Spread | None


def row_of(snapshot: RunSnapshot[Any]) -> Row:
    run, config = snapshot.row, snapshot.config
    return Row(
        run=run.run,
        arch=run.arch,
        depth=config.depth,
        residual=config.residual,
        seed=run.seed,
        state=run.state,
        epoch=run.epoch,
        train_error=snapshot.epoch_metrics.get("train_error"),
        val_error=None if run.top1 is None else 100 - run.top1,
        params=run.params,
        num_train=snapshot.facts.get("num_train"),
        num_val=run.num_val,
    )


def finished(rows: Iterable[Row]) -> list[Row]:
    return [row for row in rows if row.state == "finished"]


def train_errors(rows: Iterable[Row], residual: bool, depth: int) -> dict[int, float]:
    """By seed, of one kind and depth, where there is one."""
    return {
        row.seed: row.train_error
        for row in sorted(rows, key=lambda row: row.seed)
        if row.residual is residual and row.depth == depth and row.train_error is not None
    }


def depths_of(rows: Iterable[Row], residual: bool | None = None) -> list[int]:
    """Of one kind, only those with a training error; of both kinds, all."""
    return sorted(
        {
            row.depth
            for row in rows
            if residual is None or (row.residual is residual and row.train_error is not None)
        }
    )


def table(rows: list[Row]) -> list[Line]:
    """One line a depth."""
    return [
        line_of(depth, [row for row in rows if row.depth == depth]) for depth in depths_of(rows)
    ]


def line_of(depth: int, rows: list[Row]) -> Line:
    plain, residual = ([row for row in rows if row.residual is kind] for kind in (False, True))
    params = next((row.params for row in rows if row.params), None)
    return Line(depth, params, errors_of(plain), errors_of(residual), gap(plain, residual))


def errors_of(rows: list[Row]) -> Errors:
    return Errors(
        spread_of([(row.train_error, row.num_train) for row in rows]),
        spread_of([(row.val_error, row.num_val) for row in rows]),
    )


def gap(plain: list[Row], residual: list[Row]) -> Spread | None:
    """Seed by seed; of a single seed, over the pictures."""
    ours, others = (
        {row.seed: spread for row in rows if (spread := errors_of([row]).train)}
        for rows in (plain, residual)
    )
    pairs = [(ours[seed], others[seed]) for seed in sorted(ours.keys() & others)]
    points = [one.mean - other.mean for one, other in pairs]
    if not points:
        return None
    if len(points) > 1:
        return Spread(mean(points), *interval(points), len(points))
    width = math.hypot(*((half.high - half.low) / 2 for half in pairs[0]))
    return Spread(points[0], points[0] - width, points[0] + width, 1)


def spread_of(values: list[tuple[float | None, int | None]]) -> Spread | None:
    """values: (error in percent, pictures it was measured on), one a seed."""
    measured = [(error, count or 0) for error, count in values if error is not None]
    if not measured:
        return None
    errors = [error for error, _ in measured]
    if len(errors) > 1:
        return Spread(mean(errors), *interval(errors), len(errors))
    error, count = measured[0]
    return Spread(error, *wilson(round(error / 100 * count), count), 1)
