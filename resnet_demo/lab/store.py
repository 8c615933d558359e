"""Labs on disk, and steering them. Imports no torch: the page starts and lists labs here."""

import shutil
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from resnet_demo.config import Home, TrainConfig, depth_of
from resnet_demo.data.sources import checked
from resnet_demo.errors import UserError, amount
from resnet_demo.files import Json
from resnet_demo.lab.protocols import PROTOCOLS
from resnet_demo.runs import control, groups, measurements
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.snapshot import UNDER_WAY, Run, RunSnapshot, nothing
from resnet_demo.runs.store import Store

T = TypeVar("T")
WORD = "lab"
STEERING = ("pause", "resume", "stop", "delete")


@dataclass(frozen=True)
class Lab:
    """What was begun; how it stands is in its runs."""

    lab: str
    protocol: str
    data: str
    created: float
    runs: tuple[str, ...]


def create(home: Home, protocol: str, configs: list[TrainConfig]) -> Lab:
    """Raises UserError as `groups.create`."""
    data = checked(configs[0], home).data
    return groups.create(
        home, WORD, [replace(config, data=data) for config in configs],
        lambda name, runs: Lab(name, protocol, data, time.time(), runs),
    )  # fmt: skip


def open_lab(home: Home, name: str) -> Lab:
    """Raises UserError as `groups.read`."""
    return groups.read(home, WORD, name, partial(parsed, name))


def parsed(name: str, values: Json) -> Lab:
    lab = Lab(**values | {"lab": name, "runs": tuple(map(str, values["runs"]))})
    if lab.protocol not in PROTOCOLS or (type(lab.data), type(lab.created)) != (str, float):
        raise TypeError("not what a lab is made of")
    return lab


def lab_names(home: Home) -> list[str]:
    return groups.names(home, WORD)


def snapshots(home: Home, lab: Lab, more: Callable[[Store], T] = nothing) -> list[RunSnapshot[T]]:
    """Of the runs that were not deleted and can be read; `more` as in `RunSnapshot.read`."""
    return [run for run in groups.snapshots(home, lab.runs, more) if run]


def runs_of(home: Home, lab: Lab) -> list[Run]:
    runs: list[RunSnapshot[Any]] = snapshots(home, lab)
    return [run.row for run in runs]


def here(home: Home, lab: Lab) -> list[str]:
    names = set(control.run_names(home))
    return [run for run in lab.runs if run in names]


def unmeasured(home: Home, lab: Lab) -> list[str]:
    """Finished runs whose blocks have not been measured."""
    return [run.run for run in runs_of(home, lab) if not_measured(home, run)]


def not_measured(home: Home, run: Run) -> bool:
    finished = run.state == "finished"
    return finished and measurements.read(home, run.run, measurements.BLOCKS) is None


def state_of(runs: list[Run]) -> str:
    """Of a lab: that of its runs which says most about what comes next."""
    states = {run.state for run in runs}
    for state in ("running", "stopping", "queued", "paused", "interrupted", "stopped", "failed"):
        if state in states:
            return state
    return "finished" if states else "deleted"


def start(home: Home, protocol: str, configs: list[TrainConfig]) -> Lab:
    """Queue a lab and wake its worker."""
    lab = create(home, protocol, configs)
    spawn_worker(home, lab)
    return lab


def spawn_worker(home: Home, lab: Lab) -> None:
    words = ("lab", "degradation", "--lab", lab.lab)
    control.spawn(home, home.labs / lab.lab / "log.txt", *words)


def steer(home: Home, name: str, command: str) -> str:
    """One command for all runs of a lab; says what was done. Raises UserError when it cannot be."""
    lab = open_lab(home, name)
    if command not in STEERING:
        raise UserError(f"A lab can {', '.join(STEERING)}. Got '{command}'.")
    if command == "delete":
        return delete(home, lab)
    answers = tell_all(home, lab, command)
    if answers:
        return f"{amount(len(answers), 'run')}: {answers[0]}"
    if command != "resume":
        raise UserError(f"No run of lab {name} is at work: there is nothing to {command}.")
    check_at_rest(home, lab)
    waiting = groups.unfinished(home, lab.runs)
    if not waiting and not unmeasured(home, lab):
        raise UserError(f"All runs of lab {name} have finished; there is nothing to resume.")
    for run in waiting:
        control.requeue(home, run)
    spawn_worker(home, lab)
    return f"Lab {name} is going on from the last checkpoints of its runs."


def tell_all(home: Home, lab: Lab, command: str) -> list[str]:
    """The answers of the runs that are at work and can obey, asked all at once."""
    wanted = {"pause": ("running",), "resume": ("paused",)}.get(command, UNDER_WAY)
    runs = [run.run for run in runs_of(home, lab) if run.state in wanted]
    alive = [run for run in runs if is_held(home.run(run).lock)]
    with ThreadPoolExecutor(max_workers=len(alive) + 1) as pool:
        return list(pool.map(lambda run: control.send(home, run, command), alive))


def check_at_rest(home: Home, lab: Lab) -> None:
    for run in here(home, lab):
        if is_held(home.run(run).lock):
            raise UserError(f"Run {run} of lab {lab.lab} is at work. Stop the lab first.")


def delete(home: Home, lab: Lab) -> str:
    """The lab and its runs; none is deleted while one is at work."""
    check_at_rest(home, lab)
    runs = here(home, lab)
    for run in runs:
        control.delete(home, run)
    shutil.rmtree(home.labs / lab.lab)
    return f"Lab {lab.lab} and its {len(runs)} runs were deleted."


def deepest_pair(home: Home, lab: Lab) -> list[str]:
    """The finished runs with the most layers, of the first seed: plain, then residual."""
    runs = [run for run in runs_of(home, lab) if run.state == "finished"]
    pair = []
    for kind in ("plain", "resnet"):
        mine = [run for run in runs if run.arch.startswith(kind)]
        pair += sorted(mine, key=lambda run: (-depth_of(run.arch), run.seed))[:1]
    if not pair:
        raise UserError(f"No run of lab {lab.lab} has finished yet. Wait for it, or resume it.")
    return [run.run for run in pair]
