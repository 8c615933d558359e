"""The racing curves: error over iterations, mean and spread over seeds. Imports no torch."""

from collections.abc import Iterable

import numpy as np

from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.runs.store import Store

BINS = 100  # along the whole training
Points = dict[int, float]
Line = dict[str, list[float]]


def points_of(store: Store, have: dict[str, int]) -> dict[str, Points]:
    """{"plain20 train": {step: error in percent}, "plain20 val": ...} of one run, after what the
    reader has."""
    arch = store.config.arch
    train, val = f"{arch} train", f"{arch} val"
    return {
        train: training_error(store, have.get(train, -1)),
        val: validation_error(store, have.get(val, -1)),
    }


def curves(runs: Iterable[RunSnapshot[dict[str, Points]]]) -> dict[str, Line]:
    """{"plain20 train": {x, mean, low, high}, "plain20 val": ...}: error in percent, by iteration.

    runs: each with `points_of`. A point is there once all seeds have it, so that lines only ever
    grow. low and high: one standard deviation of the seeds.
    """
    series: dict[str, list[Points]] = {}
    for run in runs:
        if run.row.state != "failed":
            for key, points in run.more.items():
                series.setdefault(key, []).append(points)
    lines = {key: over_seeds(points) for key, points in series.items()}
    return {key: line for key, line in lines.items() if line["x"]}


def training_error(store: Store, since: int) -> Points:
    """Of the batches, in BINS parts of the training; a part counts when it is full."""
    width = max(1, int(store.fact("steps", 0)) // BINS)
    return dict(store.binned("error", width, since))


def validation_error(store: Store, since: int) -> Points:
    return {step: 100 - top1 for step, top1 in store.metrics(["top1"], since)["top1"]}


def over_seeds(seeds: Iterable[Points]) -> Line:
    first, *others = seeds
    xs = sorted(set(first).intersection(*others))
    values = np.array([[points[x] for x in xs] for points in (first, *others)])  # (seeds, points)
    mean = values.mean(0)
    wide = values.std(0, ddof=1) if len(values) > 1 else np.zeros_like(mean)
    return {
        "x": xs,
        "mean": mean.round(2).tolist(),
        "low": (mean - wide).round(2).tolist(),
        "high": (mean + wide).round(2).tolist(),
    }
