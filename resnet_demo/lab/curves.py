"""The racing curves: error over iterations, mean and spread over seeds. Imports no torch."""

from collections.abc import Iterable
from statistics import mean, stdev

from resnet_demo.config import Home
from resnet_demo.runs import control
from resnet_demo.runs.control import Run
from resnet_demo.runs.store import Store

BINS = 100  # along the whole training
Points = dict[int, float]
Line = dict[str, list[float]]


def curves(home: Home, runs: list[Run], have: dict[str, int]) -> dict[str, Line]:
    """{"plain20 train": {x, mean, low, high}, "plain20 val": ...}: error in percent, by iteration.

    `have`: the last x that the reader knows of a line; only what comes after is returned. A point
    is there once all seeds have it, so that lines only ever grow. low and high: one standard
    deviation of the seeds.
    """
    found: dict[str, list[Points]] = {}
    for run in runs:
        if run.state == "failed":
            continue
        with Store(control.run_folder(home, run.run)) as store:
            for kind, read in (("train", training_error), ("val", validation_error)):
                key = f"{run.arch} {kind}"
                found.setdefault(key, []).append(read(store, have.get(key, -1)))
    lines = {key: over_seeds(points) for key, points in found.items()}
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
    columns = [[points[x] for points in (first, *others)] for x in xs]
    means = [mean(column) for column in columns]
    wide = [stdev(column) if len(column) > 1 else 0.0 for column in columns]
    return {
        "x": xs,
        "mean": [round(value, 2) for value in means],
        "low": [round(value - width, 2) for value, width in zip(means, wide)],
        "high": [round(value + width, 2) for value, width in zip(means, wide)],
    }
