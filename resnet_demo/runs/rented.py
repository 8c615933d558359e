"""Runs on machines rented from the Hub (Jobs). A run is made here and goes out as a snapshot, with
this program; the machine goes on with it as any fresh machine would, and what it sends to its
mirror comes back here while it trains: its curves are in the page like those of any run.
"""

import logging
import shutil
import sqlite3
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.export import hub_folder, hub_jobs
from resnet_demo.export.hub_jobs import AT_WORK, Hardware
from resnet_demo.export.program import copy_program
from resnet_demo.refs import DataRef, ModelRef
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs import control
from resnet_demo.runs.mirror import stage
from resnet_demo.runs.mirror_places import HubMirror, mirror_at, name_of
from resnet_demo.runs.mirrored_data import name_of_data, send_data
from resnet_demo.runs.queue import dequeue
from resnet_demo.runs.snapshot import UNDER_WAY, is_rented
from resnet_demo.runs.store import Job, Store

log = logging.getLogger(__name__)
SAVE_EVERY = 60.0  # seconds between snapshots: the Hub takes 128 commits an hour
LOOK_EVERY = 20.0  # seconds between two looks at what has come
MOST_HOURS = 48.0
PROGRAM, ARCHIVE = "program", "program.tar.gz"  # folder of the repository, and the file in it
SCRIPT = f"""set -e
cd "$(mktemp -d)"
pip install -q --root-user-action=ignore "huggingface_hub>=2.4,<3"
hf download "$REPO" {PROGRAM}/{ARCHIVE} --local-dir . > /dev/null
mkdir code
tar -xzf {PROGRAM}/{ARCHIVE} -C code
cd code
pip install -q --root-user-action=ignore -r requirements.txt
python -m resnet_demo mirror "hub:$REPO" --restore --only "$NAME" --home ../home
exec python -m resnet_demo resume "$RUN" --mirror "hub:$REPO" --home ../home
"""  # at its end SIGTERM reaches the training itself, which saves and sends once more


def offer(flavor: str) -> Hardware:
    """Raises UserError that lists what may be rented."""
    offers = {machine.flavor: machine for machine in hub_jobs.hardware()}
    require_one_of("flavor", flavor, tuple(offers))
    return offers[flavor]


def start(
    home: Home,
    config: TrainConfig,
    place: str,
    flavor: str,
    hours: float,
    save_every: float = SAVE_EVERY,
) -> str:
    """A new run on a rented machine; returns the run, which is listed here. place: its mirror,
    hub:USER/REPO, made when it is not there; USER pays. Raises UserError, and then there is no
    run."""
    repo, machine = check(config, place, hours), offer(flavor)
    config = control.ready(config, home)  # before anything is paid
    run = control.new_run(home, config, save_every)
    dequeue(home, run)
    try:
        rent(home, run, repo, machine, hours)
    except BaseException:
        control.delete(home, run)
        raise
    return run


def go_on(home: Home, run: str, place: str, flavor: str, hours: float) -> None:
    """With a run that was begun here, or on another machine, from its last checkpoint. Raises
    UserError."""
    row = control.read_run(home, run)
    if row.state in (*UNDER_WAY, "finished"):
        raise UserError(f"Run {run} is {row.state}: only a run that is left can go elsewhere.")
    with Store(control.run_folder(home, run)) as store:
        config = store.config
    rent(home, run, check(config, place, hours), offer(flavor), hours)


def check(config: TrainConfig, place: str, hours: float) -> str:
    """The repository. Raises UserError for what another machine cannot fetch, and for a time that
    makes no sense."""
    data = DataRef.parse(config.data)
    if data.is_folder:
        raise UserError(
            f"A rented machine cannot see {data.shown}. Take it in (dataset import NAME PATH) and "
            f"train on dataset:NAME: that goes along, to a private repository."
        )
    if config.init and ModelRef.parse(config.init).kind in ("file", "run"):
        raise UserError(
            f"A rented machine cannot see {config.init[:60]}. Push it and start from hub:USER/REPO."
        )
    if not 0 < hours <= MOST_HOURS:
        raise UserError(f"hours must lie between 0 and {MOST_HOURS:g}. Got {hours:g}.")
    mirror = mirror_at(place)
    if not isinstance(mirror, HubMirror):
        raise UserError(f"A rented machine sends to hub:USER/REPO. Got '{place[:80]}'.")
    return mirror.repo


def rent(home: Home, run: str, repo: str, machine: Hardware, hours: float) -> None:
    folder, owner = control.run_folder(home, run), repo.split("/")[0]
    with Store(folder) as store:
        config, name = store.config, name_of(run, store.fact("created"))
        store.set(state="queued", job=None)
        sentence = f"Asked for a rented machine, {machine.flavor}: {machine.price(hours)}."
        store.add_event(store.fact("step", 0), "rented", sentence)
        own_data = name_of_data(home, config.data)
        store.set(own_data=own_data)
        snapshot = folder.path / ".snapshot"
        stage(folder, store, snapshot)
    send_data(home, HubMirror(repo), own_data)
    HubMirror(repo).send(snapshot, name)
    shutil.rmtree(snapshot)
    with program(config) as place:
        hub_folder.upload(place, repo, True, f"The program, for run {run}", within=PROGRAM)
    environment = {"REPO": repo, "NAME": name, "RUN": run}
    label = f"resnet-demo-{run}"
    job_id = hub_jobs.rent(owner, machine.flavor, hours, SCRIPT, environment, label)
    job = Job(
        id=job_id, owner=owner, repo=repo, flavor=machine.flavor, price=machine.price(hours),
        away=True,
    )  # fmt: skip
    try:
        with Store(folder) as store:
            store.set(job=job, message=whereabouts(job))
        marker(home, run).parent.mkdir(exist_ok=True)
        marker(home, run).touch()
    except BaseException:  # nobody would know of a machine that is paid
        hub_jobs.cancel(owner, job["id"])
        raise


@contextmanager
def program(config: TrainConfig) -> Iterator[Path]:
    """What a machine needs to train: this package and what it requires; the networks that ship
    with it only where one is started from. In one file: the Hub is asked for each."""
    with tempfile.TemporaryDirectory() as made:
        code, place = Path(made) / "code", Path(made) / "sent"
        copy_program(code, networks=config.init.startswith("bundled"))
        shutil.make_archive(str(place / ARCHIVE.removesuffix(".tar.gz")), "gztar", code)
        yield place


def whereabouts(job: Job) -> str:
    return f"On a rented machine, {job['flavor']}."


# --- and back ------------------------------------------------------------------------------------


def marker(home: Home, run: str) -> Path:
    """There while its machine has not ended."""
    return home.path / "rented" / run


def away(home: Home) -> list[str]:
    """Runs whose machines have not ended; the mark of one that was deleted since goes."""
    marks, runs = sorted(marker(home, "").glob("*")), control.run_names(home)
    for mark in marks:
        if mark.name not in runs:
            mark.unlink(missing_ok=True)
    return [mark.name for mark in marks if mark.name in runs]


def refresh(home: Home, run: str) -> Job:
    """What its machine has sent comes here: while it trains the measurements alone, at the end all.
    Raises UserError."""
    folder = control.run_folder(home, run)
    with Store(folder) as store:
        job, name = store.fact("job"), name_of(run, store.fact("created"))
    if not job:
        marker(home, run).unlink(missing_ok=True)  # of an older run by this name
        raise UserError(f"Run {run} was not sent to a rented machine.")
    at, said = hub_jobs.stage(job["owner"], job["id"])
    job["away"] = at in AT_WORK
    with Store(folder) as store:
        store.set(job=job)  # also where nothing can be fetched any more
    try:  # in a folder of its own: the page and a command may look at once
        with tempfile.TemporaryDirectory(dir=home.path, prefix=".coming-") as place:
            coming = Path(place) / "run"
            HubMirror(job["repo"]).fetch(name, coming, folder.store.name if job["away"] else "*")
            take_over(folder, coming, job, f"{at.lower()} {said}".strip())
    except OSError as error:
        raise UserError(f"What run {run} sent could not be brought here ({error}).") from error
    if not job["away"]:
        marker(home, run).unlink(missing_ok=True)
    return job


def take_over(folder: RunFolder, coming: Path, job: Job, how: str) -> None:
    """Files first, then the measurements in one step, whoever reads them meanwhile."""
    theirs = RunFolder(coming)
    for path in sorted(coming.rglob("*")):
        if path.is_file() and path != theirs.store:
            target = folder.path / path.relative_to(coming)
            target.parent.mkdir(exist_ok=True)
            path.replace(target)
    with Store(theirs) as sent, Store(folder) as ours:
        facts: dict[str, object] = {"job": job, "together": [folder.run]}
        if job["away"]:
            facts["message"] = whereabouts(job)
            if sent.fact("state") not in UNDER_WAY:  # its last files come when it has ended
                facts["state"] = "stopping"
        elif sent.fact("state") in (*UNDER_WAY, "stopped"):
            facts["state"] = "interrupted"
            facts["message"] = f"The rented machine ended ({how}) before the run: resume it."
        sent.set(**facts)
        sent.db.backup(ours.db)


def watch(home: Home) -> None:
    """Look after rented machines while this process lives."""

    def work() -> None:
        said = ""
        while True:
            for run in away(home):
                try:
                    refresh(home, run)
                except Exception as error:  # a bug must not end the looking
                    if said != str(error):  # once, not every time
                        bug = not isinstance(error, UserError | OSError | sqlite3.Error)
                        log.warning("Run %s: %s", run, error, exc_info=bug)
                    said = str(error)
            time.sleep(LOOK_EVERY)

    threading.Thread(target=work, daemon=True, name="rented").start()


def stop(home: Home, run: str) -> str:
    """End its machine; raises UserError when it is on none."""
    with Store(control.run_folder(home, run)) as store:
        facts = store.facts()
    if not is_rented(facts):
        raise UserError(f"Run {run} is on no rented machine.")
    return control.send(home, run, "stop")
