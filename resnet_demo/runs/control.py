"""Start, list and steer runs; used by the page and the command line. Imports no torch.

The worker is the command `resume RUN` in a process of its own: it outlives the page, and a page
that comes back finds it by its lock.
"""

import os
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from resnet_demo.config import ARCHS, BUNDLED, PLAIN, Home, TrainConfig, can_be_paired
from resnet_demo.data.dataset import Pictures
from resnet_demo.data.pixel_cache import load_pixels
from resnet_demo.data.sources import checked, open_here
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.export import hub_jobs
from resnet_demo.files import Json, numbered_folder
from resnet_demo.presets import CLASSIFIER_ONLY, preset
from resnet_demo.progress import ReportProgress, be_silent, finish
from resnet_demo.refs import ModelRef
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.queue import dequeue, enqueue
from resnet_demo.runs.snapshot import Run, RunSnapshot, is_rented, row_of, state_of
from resnet_demo.runs.store import Facts, Job, Store
from resnet_demo.training.changes import Change, changed, with_changes

# What a network is read with before a run: its pictures may not be here yet, and a classifier for
# other classes starts afresh.
ANY_CLASSES = ("this", "that")


def run_folder(home: Home, run: str) -> RunFolder:
    """The folder of a run; raises UserError for a name that is none."""
    folder = home.run(run)
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", run) or not folder.store.is_file():
        known = ", ".join(run_names(home)[:5]) or "none yet"
        raise UserError(f"There is no run '{run}' here. Runs: {known}.")
    return folder


def arch_of(home: Home, init: str) -> str:
    """The architecture of a network to start from; empty where that is not known by its name."""
    model = ModelRef.parse(init) if init else None
    if model is None:
        return ""
    if model.run:
        with Store(run_folder(home, model.run)) as store:
            return store.config.arch
    name = model.name or (BUNDLED if model.kind == "bundled" else "")
    return name if name in ARCHS else ""


def config_of(home: Home, given: Json, preset_name: str = "") -> TrainConfig:
    """Defaults, then the preset, then the network that it starts from, then what was given. Raises
    UserError for names that are none, and values that make no sense."""
    for name in given:
        require_one_of("setting", name, tuple(PLAIN))
    if type(given.get("init", "")) is not str or type(given.get("px", 0)) is not int:
        return TrainConfig.from_dict(given)  # which refuses it
    chosen = preset(preset_name) if preset_name else {}
    if arch := arch_of(home, given.get("init", "")):
        chosen = chosen | {"arch": arch}
    if given.get("freeze") == "backbone":
        chosen = chosen | CLASSIFIER_ONLY
    settings = chosen | given
    if not can_be_paired(settings.get("arch", TrainConfig.arch), settings.get("init", "")):
        settings = chosen | {"paired_filters": False} | given
    if "px" in settings and "start_px" not in given:
        settings["start_px"] = min(settings.get("start_px", TrainConfig.start_px), settings["px"])
    return TrainConfig.from_dict(settings)


def run_names(home: Home) -> list[str]:
    """Newest first."""
    return sorted((p.parent.name for p in home.runs.glob("*/run.sqlite")), reverse=True)


def new_run(home: Home, config: TrainConfig, save_every: float = 30.0) -> str:
    """A queued run; raises UserError when the home cannot be written to."""
    home.make()
    folder = RunFolder(numbered_folder(home.runs))
    try:
        folder.checkpoints.mkdir()
        folder.weights.mkdir()
        Store.create(folder, config, save_every=save_every).close()
        enqueue(home, folder.run)
    except (OSError, sqlite3.Error) as error:
        shutil.rmtree(folder.path, ignore_errors=True)
        raise UserError(f"Cannot write a run to {home.path} ({error}). Make room there.") from None
    return folder.run


def ready(config: TrainConfig, home: Home) -> TrainConfig:
    """As `checked`. Raises UserError for pictures or weights that a run would fail on."""
    config = checked(config, home)
    check_start(config, home)
    return config


def check_start(config: TrainConfig, home: Home) -> None:
    """What it starts from is read (only then torch is imported). Raises UserError for weights that
    do not fit."""
    if config.init:
        from resnet_demo.models.reference import starting_weights

        starting_weights(config, ANY_CLASSES, home)


def start(home: Home, config: TrainConfig) -> str:
    """Queue a run and wake its worker; returns the run's name.

    Raises UserError, before a run is made, for pictures that cannot be trained on.
    """
    run = new_run(home, ready(config, home))
    spawn_worker(home, run)
    return run


def resume(home: Home, run: str) -> str:
    """Unpause a run that is alive, else wake a worker for it; says what was done."""
    folder = run_folder(home, run)
    if is_held(folder.lock):
        return send(home, run, "resume")
    requeue(home, run)
    spawn_worker(home, run)
    return f"Run {run} is going on from its last checkpoint."


def move_data(home: Home, run: str, data: str, report: ReportProgress = be_silent) -> None:
    """Its pictures lie elsewhere now. Raises UserError when they are others."""
    with Store(run_folder(home, run)) as store:
        config = checked(replace(store.config, data=data), home)
        pictures = open_here(config.data, home)
        if pictures is None or not are_its_pictures(store, config, pictures, home, report):
            raise UserError(
                f"{data} does not hold the pictures that run {run} began with. Name the folder "
                f"that does, or start a new run."
            )
        store.set(config=config.to_dict())


def are_its_pictures(
    store: Store, config: TrainConfig, pictures: Pictures, home: Home, report: ReportProgress
) -> bool:
    """Whether a run began with these: the same files or, as copies have other times, the same
    pixels, for which all are decoded (its worker needs them anyway)."""
    used = pictures.used_by(config)
    prints = [used.train.fingerprint, used.val.fingerprint]
    same_files, wanted = store.fact("prints", prints) == prints, store.fact("pixels")
    if same_files or wanted is None or len(pictures.classes) != store.fact("sizes")[0]:
        return same_files  # an older version noted no pixels
    changes = [Change(*row) for row in store.changes()]
    loaded = finish(load_pixels(used, with_changes(config, changes), home), report)
    return wanted == [pixels.digest for pixels in loaded]


def requeue(home: Home, run: str) -> None:
    """Queued again, until its worker has begun. Raises UserError for another version's run."""
    check_here(run_folder(home, run))
    with Store(run_folder(home, run)) as store:
        TrainConfig.from_dict(store.fact("config"))  # refused untouched
        store.set(state="queued", woken=time.time())
    enqueue(home, run)


def spawn_worker(home: Home, run: str) -> subprocess.Popen[bytes]:
    return spawn(home, home.run(run).log, "resume", run)


def spawn(home: Home, log_file: Path, *words: str) -> subprocess.Popen[bytes]:
    """A worker: in a session of its own, so that it does not end with the page."""
    command = [sys.executable, "-m", "resnet_demo", *words, "--json"]
    command += ["--home", str(home.path)]
    with log_file.open("ab") as log:
        return subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
            env=child_environment(),
        )


def child_environment() -> dict[str, str]:
    """For a process that finds this package wherever it is started."""
    root = Path(__file__).resolve().parent.parent.parent
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    own = {name: value for name, value in os.environ.items() if name != "WORLD_SIZE"}
    return {**own, "PYTHONPATH": path}  # its work is its own, also where torchrun started this


def send(home: Home, run: str, command: str, value: str = "", wait: float = 15.0) -> str:
    """Leave a command for the run's worker and return its answer (one sentence)."""
    folder = run_folder(home, run)
    alive = is_held(folder.lock)
    with Store(folder) as store:
        facts = store.facts()
        if is_rented(facts) and facts["job"]:
            return steer_rented(run, facts["job"], command)
        if not alive and command != "set":
            raise UserError(
                f"Run {run} is {state_of(folder, facts)}: there is nothing to {command}."
            )
        if command == "set":
            changed(store.config, *value.partition("=")[::2])
        number = store.send(command, value)
        if not alive:
            return f"Run {run} will use {value.replace('=', ' ')} when it is resumed."
        deadline = time.monotonic() + wait
        while time.monotonic() < deadline:
            answer = store.answer_to(number)
            if answer:
                return answer
            time.sleep(0.02)
    return f"Run {run} has not answered in {wait:.0f} s; it will {command} at its next batch."


def steer_rented(run: str, job: Job, command: str) -> str:
    if command != "stop":
        raise UserError(
            f"Run {run} is on a rented machine ({job['flavor']}): it can be stopped from here, and "
            f"nothing else. It comes back with its last checkpoint."
        )
    hub_jobs.cancel(job["owner"], job["id"])
    return f"The rented machine of run {run} is told to end; its last checkpoint comes back here."


def check_here(folder: RunFolder) -> None:
    """Raises UserError for a run that is at work on a rented machine; a damaged one is on none."""
    facts: Facts | None = None
    with suppress(UserError), Store(folder) as store:
        facts = store.facts()
    if facts and is_rented(facts):
        raise UserError(
            f"Run {folder.run} is on a rented machine. Stop it first: jobs stop {folder.run}."
        )


def cancel(home: Home, run: str) -> str:
    """Stop the run and remove all it wrote."""
    folder = run_folder(home, run)
    if is_held(folder.lock):
        try:
            return send(home, run, "cancel")
        except (UserError, OSError):  # the worker removed the folder while we asked
            return f"Run {run} was cancelled and removed."
    return delete(home, run)


def delete(home: Home, run: str) -> str:
    folder = run_folder(home, run)
    if is_held(folder.lock):
        raise UserError(f"Run {run} is at work. Stop it before you delete it, or cancel it.")
    check_here(folder)
    remove(home, folder)
    return f"Run {run} was deleted."


def remove(home: Home, folder: RunFolder) -> None:
    """Out of sight in one step, then off the disk."""
    dequeue(home, folder.run)
    doomed = home.path / f".removed-{folder.run}-{time.time_ns()}"
    folder.path.rename(doomed)
    for removed in home.path.glob(".removed-*"):  # also those of a removal that was killed
        shutil.rmtree(removed, ignore_errors=True)


def list_runs(home: Home) -> Iterator[Run]:
    """Newest first; one that cannot be read is listed as failed, with the reason."""
    for name in run_names(home):
        yield row_of(home.run(name))


def read_run(home: Home, run: str) -> Run:
    """Raises UserError for a name that is none, and for a damaged file."""
    return RunSnapshot.read(run_folder(home, run)).row
