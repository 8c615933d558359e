"""Sweeps: the same training over a grid of settings and a list of seeds, and which differences are
larger than the noise. Imports no torch: the page starts and lists sweeps here.
"""

import itertools
import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from statistics import mean
from typing import Any, TypeVar

from resnet_demo.config import PLAIN, Home, TrainConfig
from resnet_demo.data.sources import checked
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.evaluate.statistics import interval
from resnet_demo.files import Json
from resnet_demo.runs import control, groups
from resnet_demo.runs.snapshot import Run, RunSnapshot, nothing
from resnet_demo.runs.store import Store

WORD = "sweep"
MOST_RUNS = 100
FIELDS: dict[str, type[Any]] = {name: type(value) for name, value in PLAIN.items()}
Grid = dict[str, tuple[Any, ...]]
T = TypeVar("T")


@dataclass(frozen=True)
class Sweep:
    """What was begun; how it stands is in its runs, setting by setting and seed by seed."""

    sweep: str
    grid: Grid
    seeds: int
    created: float
    runs: tuple[str, ...]

    @property
    def settings(self) -> list[Json]:
        """Each point of the grid: {"lr": 0.01}."""
        return points(self.grid)

    def by_setting(self, runs: list[T]) -> list[list[T]]:
        """`runs` in the order of `self.runs`, those of one setting together."""
        return [runs[at : at + self.seeds] for at in range(0, len(runs), self.seeds)]


def points(grid: Grid) -> list[Json]:
    return [dict(zip(grid, values)) for values in itertools.product(*grid.values())]


def named(setting: Json) -> str:
    """ "lr 0.01, epochs 3"; of an empty grid "as given". Of a file only its name: the page shows
    it to everybody."""
    words = [f"{name} {str(value).rpartition('/')[2]}" for name, value in setting.items()]
    return ", ".join(words) or "as given"


def grid_of(texts: list[str]) -> Grid:
    """From ["lr=0.01,0.02", "optimizer=sgd,muon"]. Raises UserError for what is no setting, or no
    value of it."""
    grid: Grid = {}
    for text in texts:
        name, sign, values = text.partition("=")
        name = name.strip().replace("-", "_")
        if not sign or not values.strip():
            raise UserError(f"A grid names values, as in lr=0.01,0.02. Got '{text}'.")
        require_one_of("setting of a grid", name, tuple(set(FIELDS) - {"seed", "data"}))
        grid[name] = tuple(
            dict.fromkeys(value_of(name, word.strip()) for word in values.split(","))
        )
    return grid


def value_of(name: str, text: str) -> Any:
    kind = FIELDS[name]
    if kind is bool:
        require_one_of(name, text, ("true", "false"))
        return text == "true"
    try:
        return kind(text)
    except ValueError:
        kinds = {int: "whole numbers", float: "numbers"}
        raise UserError(f"{name} takes {kinds[kind]}. Got '{text}'.") from None


def configs(base: TrainConfig, grid: Grid, seeds: int) -> list[TrainConfig]:
    """One a setting and seed, seeds counted up from the base's. Raises UserError for a setting that
    cannot be trained, and for too many runs."""
    count = math.prod(map(len, grid.values())) * seeds
    if not 2 <= count <= MOST_RUNS or seeds < 1:
        raise UserError(
            f"A sweep compares 2 to {MOST_RUNS} runs: settings times seeds. Got {count}."
        )
    made = [replace(base, **setting) for setting in points(grid)]
    if "px" in grid and "start_px" not in grid:
        made = [replace(config, start_px=min(config.start_px, config.px)) for config in made]
    return [replace(each, seed=base.seed + seed) for each in made for seed in range(seeds)]


def create(home: Home, base: TrainConfig, grid: Grid, seeds: int) -> Sweep:
    """Raises UserError as `groups.create`, and for weights that do not fit."""
    wanted = configs(checked(base, home), grid, seeds)
    for config in {(each.arch, each.init): each for each in wanted}.values():
        control.check_start(config, home)
    return groups.create(
        home, WORD, wanted,
        lambda name, runs: Sweep(name, grid, seeds, time.time(), runs),
    )  # fmt: skip


def sweep_names(home: Home) -> list[str]:
    return groups.names(home, WORD)


def open_sweep(home: Home, name: str) -> Sweep:
    """Raises UserError as `groups.read`."""
    return groups.read(home, WORD, name, partial(parsed, name))


def parsed(name: str, values: Json) -> Sweep:
    grid = {str(key): tuple(of_key) for key, of_key in values["grid"].items()}
    seeds, created = int(values["seeds"]), float(values["created"])
    runs = tuple(map(str, values["runs"]))
    if len(runs) != len(points(grid)) * seeds:
        raise ValueError("not a run for each setting and seed")
    return Sweep(name, grid, seeds, created, runs)


def spawn_worker(home: Home, sweep: Sweep, together: bool) -> None:
    words = ["sweep", "--sweep", sweep.sweep, *(["--together"] if together else [])]
    control.spawn(home, home.sweeps / sweep.sweep / "log.txt", *words)


def snapshots(
    home: Home, sweep: Sweep, more: Callable[[Store], T] = nothing
) -> list[RunSnapshot[T] | None]:
    """In the order of `sweep.runs`, see `groups.snapshots`."""
    return groups.snapshots(home, sweep.runs, more)


# --- what it shows -------------------------------------------------------------------------------


def results(home: Home, sweep: Sweep) -> Json:
    """{sweep, grid, seeds, done, runs, rows: one a setting, verdict: sentences}."""
    runs: list[RunSnapshot[Any] | None] = snapshots(home, sweep)
    rows = [
        row_of(setting, [each.row if each else None for each in group])
        for setting, group in zip(sweep.settings, sweep.by_setting(runs))
    ]
    done = sum(len(row["by_seed"]) for row in rows)
    return {
        "sweep": sweep.sweep, "grid": sweep.grid, "seeds": sweep.seeds, "done": done,
        "runs": list(sweep.runs), "rows": rows, "verdict": verdict(rows),
    }  # fmt: skip


def row_of(setting: Json, runs: list[Run | None]) -> Json:
    """What the finished runs of one setting end with: top-1 in percent, its mean over seeds and the
    95 % interval of that mean (Student), None where there are too few."""
    ended = [run for run in runs if run and run.state == "finished" and run.top1 is not None]
    by_seed = {str(run.seed): run.top1 for run in ended}
    values = [float(value) for value in by_seed.values() if value is not None]
    low, high = interval(values) if len(values) > 1 else (None, None)
    return {
        "setting": setting,
        "name": named(setting),
        "by_seed": by_seed,
        "mean": mean(values) if values else None,
        "low": low,
        "high": high,
        "seconds": mean(run.seconds for run in ended) if ended else None,
    }


def verdict(rows: list[Json]) -> list[str]:
    """The best setting against each other one, seed by seed: what is larger than the noise?"""
    ended = sorted((row for row in rows if row["mean"] is not None), key=lambda row: -row["mean"])
    if len(ended) < 2:
        return []
    best, *others = ended
    said = [compared(best, other) for other in others]
    if len(others) > 2:
        said.append(
            f"{len(others)} comparisons at 95 % each: about one in twenty is wrong by chance alone."
        )
    return said


def compared(best: Json, other: Json) -> str:
    common = sorted(best["by_seed"].keys() & other["by_seed"].keys())
    points = [best["by_seed"][seed] - other["by_seed"][seed] for seed in common]
    names = f"{best['name']} against {other['name']}"
    if len(points) < 2:
        gap = best["mean"] - other["mean"]
        return f"{names}: {gap:+.2f} points. One seed cannot tell a difference from noise."
    low, high = interval(points)
    larger = "larger than the noise" if low > 0 else "within the noise"
    return (
        f"{names}: {mean(points):+.2f} points (95 % interval {low:+.2f} to {high:+.2f}, "
        f"{len(points)} seeds): {larger}."
    )
