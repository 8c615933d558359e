"""A run at one moment: its file is opened once and read in one transaction. Imports no torch.

Lists, heads, charts, a lab's rows and the command line show views of this.
"""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from resnet_demo.config import TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.queue import GRACE_SECONDS
from resnet_demo.runs.store import Facts, Store

UNDER_WAY = ("queued", "running", "paused", "stopping")
SILENT_SECONDS = 60
RECENT_STEPS = 20
T = TypeVar("T")


@dataclass(frozen=True)
class Run:
    """What a list of runs shows of one."""

    run: str
    state: str
    arch: str
    data: str
    epoch: int
    epochs: int
    step: int
    steps: int
    seed: int
    px: int
    top1: float | None  # the last epoch's, percent
    best_top1: float | None
    num_val: int | None  # pictures behind these percentages
    seconds: float
    created: float
    params: int | None
    message: str  # why it failed, or what it waits for


def nothing(store: Store) -> Any:
    """What else to read."""


@dataclass(frozen=True)
class RunSnapshot(Generic[T]):
    row: Run
    config: TrainConfig
    facts: Facts
    changes: list[tuple[int, str, float]]  # (step, setting, value), in order
    epoch_metrics: dict[str, float]  # of the last epoch that ended
    images_per_s: float | None  # of the last steps
    more: T

    @classmethod
    def read(cls, folder: RunFolder, more: Callable[[Store], T] = nothing) -> "RunSnapshot[T]":
        """more: what else to read in the same transaction. Raises UserError for a damaged file."""
        with Store(folder) as store, store.moment():
            facts, changes, metrics = store.facts(), store.changes(), store.epoch_metrics()
            config = TrainConfig.from_dict(facts["config"])
            row = Run(
                **of_facts(facts),
                run=folder.run,
                state=state_of(folder, facts),
                arch=config.arch,
                data=config.data,
                epochs=int({name: to for _, name, to in changes}.get("epochs", config.epochs)),
                seed=config.seed,
                px=facts.get("px", config.px),
                top1=metrics.get("top1"),
                best_top1=store.best("top1"),
                message=silence(facts) if is_held(folder.lock) else facts.get("message", ""),
            )
            rate = recent_rate(store, row.step)
            return cls(row, config, facts, changes, metrics, rate, more(store))


def of_facts(facts: Facts) -> Json:
    """What a row takes over as it stands; nothing of it is there before a run has begun."""
    known = {"epoch": 0, "step": 0, "steps": 0, "seconds": 0.0, "num_val": None, "params": None}
    return {name: facts.get(name, unset) for name, unset in known.items()} | {
        "created": facts["created"]
    }


def row_of(folder: RunFolder) -> Run:
    """As a list shows it: one that cannot be read has failed, with the reason."""
    try:
        return RunSnapshot.read(folder).row
    except (UserError, sqlite3.Error) as error:
        return unreadable(folder.run, str(error))


def recent_rate(store: Store, step: int) -> float | None:
    """Pictures a second, of the last steps."""
    points = store.metrics(["images_per_s"], step - RECENT_STEPS)["images_per_s"]
    return sum(rate for _, rate in points) / len(points) if points else None


def silence(facts: Facts) -> str:
    """The stored message, or since when a process that holds the run's lock has done nothing."""
    alive, state = facts.get("alive"), facts.get("state")
    silent = time.time() - alive if alive else 0
    if state not in ("running", "stopping") or silent < SILENT_SECONDS:
        return facts.get("message", "")
    return (
        f"No sign of life for {silent:.0f} s: its process was stopped by the system, or a step "
        f"takes that long."
    )


def unreadable(run: str, why: str) -> Run:
    blank: Json = dict.fromkeys(Run.__dataclass_fields__)
    zero = dict.fromkeys(
        ("epoch", "epochs", "step", "steps", "seed", "px", "created", "seconds"), 0
    )
    text = {"run": run, "state": "failed", "arch": "?", "data": "?", "message": why}
    return Run(**blank | zero | text)


def is_rented(facts: Facts) -> bool:
    """Whether it is at work on a rented machine: what is known of it here is what came back."""
    job = facts.get("job")
    return bool(job and job["away"])


def state_of(folder: RunFolder, facts: Facts) -> str:
    """The stored state, corrected by the lock."""
    state = facts.get("state")
    if not isinstance(state, str):
        raise ValueError(f"state {state!r}")
    if state in UNDER_WAY and not is_held(folder.lock) and not is_rented(facts):
        woken = facts.get("woken") or facts["created"]
        just_now = state == "queued" and time.time() - woken < GRACE_SECONDS
        return "queued" if just_now else "interrupted"
    return state
