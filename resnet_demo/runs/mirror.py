"""Runs that outlive their machine: at each checkpoint a snapshot of the run goes to a mirror, and a
fresh machine lists the runs there and goes on with one exactly.

The live SQLite file never leaves its disk; a consistent copy does.
"""

import logging
import os
import shutil
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import numbered_folder
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs import control, groups
from resnet_demo.runs.mirror_places import NAME, Mirror, mirror_at, name_of
from resnet_demo.runs.mirrored_data import bring_data, name_of_data, send_data
from resnet_demo.runs.store import Store

log = logging.getLogger(__name__)
VARIABLE = "RESNET_DEMO_MIRROR"  # what a process and those that it starts mirror to
LAST_SECONDS = 300.0  # that the last snapshot may take; other processes of a run wait meanwhile
HURRIED_SECONDS = 8.0  # where the machine is about to go


def use(text: str | None) -> None:
    """For this process and those that it starts. Raises UserError for what is no mirror."""
    if text:
        mirror_at(text)
        os.environ[VARIABLE] = text


# --- away ----------------------------------------------------------------------------------------


class Mirroring:
    """Sends one run's snapshots in the background, one at a time: where sending takes longer than
    the time between two checkpoints, those between are passed over."""

    def __init__(
        self,
        mirror: Mirror,
        home: Home,
        folder: RunFolder,
        store: Store,
        say: Callable[[str, str], None],
    ) -> None:
        self.mirror, self.home, self.folder, self.store, self.say = mirror, home, folder, store, say
        self.name = name_of(folder.run, store.fact("created"))
        self.sender = threading.Thread()
        self.error = ""
        self.own_data: str | None = None  # as it was at the first checkpoint
        self.data_sent = False

    @classmethod
    def of_environment(
        cls, home: Home, folder: RunFolder, store: Store, say: Callable[[str, str], None]
    ) -> "Mirroring | None":
        text = os.environ.get(VARIABLE)
        return cls(mirror_at(text), home, folder, store, say) if text else None

    def checkpoint(self) -> None:
        """Send what is on the disk now, unless a snapshot is still on its way."""
        if self.sender.is_alive():
            return
        if self.error:
            self.say("mirror", f"The mirror did not take a snapshot: {self.error}")
            self.error = ""
        try:
            if self.own_data is None:
                self.own_data = name_of_data(self.home, self.store.config.data)
                self.store.set(own_data=self.own_data)
            stage(self.folder, self.store, self.staged)
        except (UserError, OSError, sqlite3.Error) as error:
            self.error = f"it could not be prepared ({error})."
            return
        self.sender = threading.Thread(target=self.send, daemon=True)
        self.sender.start()

    @property
    def staged(self) -> Path:
        return self.folder.path / ".snapshot"

    def send(self) -> None:
        try:
            if not self.data_sent:
                send_data(self.home, self.mirror, self.own_data or "")
                self.data_sent = True
            self.mirror.send(self.staged, self.name)
        except (UserError, OSError) as error:
            self.error = str(error)
        except Exception as error:  # a bug of the Hub's library must not end the training
            self.error = f"{type(error).__name__}: {error}"

    def finish(self, seconds: float) -> None:
        """The run as it is left, sent before its process ends."""
        deadline = time.monotonic() + seconds
        for last in (False, True):
            if self.sender.ident is not None:
                self.sender.join(max(0.0, deadline - time.monotonic()))
            if not last:
                self.checkpoint()
        if self.sender.is_alive():
            self.error = f"it took longer than {seconds:.0f} s."
        else:
            shutil.rmtree(self.staged, ignore_errors=True)
        if self.error:
            self.say("mirror", f"The mirror did not take the last snapshot: {self.error}")


def stage(folder: RunFolder, store: Store, place: Path) -> None:
    """A consistent copy of all that another machine needs to go on. Files that are written whole
    are linked, where the disk can: nothing is copied twice."""
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    with closing(sqlite3.connect(place / folder.store.name)) as copy:
        store.db.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
    newest = [
        max(states.glob("step-*.pt"), default=None)
        for states in (folder.checkpoints, folder.epochs)
    ]
    weights = [folder.weights / f"{which}.safetensors" for which in ("last", "best")]
    for path in [*newest, *weights, folder.report, folder.predictions]:
        if path and path.is_file():
            target = place / path.relative_to(folder.path)
            target.parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(path, target)
    if folder.log.is_file():
        shutil.copyfile(folder.log, place / folder.log.name)


def link_or_copy(path: Path, target: Path) -> None:
    try:
        target.hardlink_to(path)
    except OSError:
        shutil.copyfile(path, target)


# --- and back ------------------------------------------------------------------------------------


def missing(home: Home, mirror: Mirror) -> list[str]:
    """Names of the mirror's runs that are not in this home."""
    here = set()
    for run in control.run_names(home):
        with suppress(UserError, sqlite3.Error), Store(home.run(run)) as store:
            here.add(name_of(run, store.fact("created")).rpartition("-")[2])
    return [
        name
        for name in sorted(mirror.names())
        if (match := NAME.fullmatch(name)) and match["created"] not in here
    ]


def restore(home: Home, mirror: Mirror, name: str) -> str:
    """Bring a run home, with the pictures that its person brought, and into its lab or sweep;
    returns the run, under its old number where that is free. Raises UserError for a name that is
    none, and when the mirror cannot be reached."""
    match = NAME.fullmatch(name)
    if match is None or name not in mirror.names():
        raise UserError(f"There is no run '{name[:80]}' in the mirror.")
    home.make()
    coming = home.path / f".coming-{name}"
    shutil.rmtree(coming, ignore_errors=True)
    try:
        mirror.fetch(name, coming)
        with Store(RunFolder(coming)) as store:  # raises UserError for a damaged file
            bring_data(home, mirror, store.fact("own_data", ""))
        run = settle(home, coming, match["run"])
        groups.rejoin(home, run, name)
        return run
    except OSError as error:
        raise UserError(f"Run {name} could not be brought here ({error}).") from error
    finally:
        shutil.rmtree(coming, ignore_errors=True)


def restore_all(home: Home, mirror: Mirror) -> None:
    """For a page that starts anew: what cannot be brought is said in the log and left there."""
    with warned():
        for name in missing(home, mirror):
            with warned():
                log.info("Run %s came back from the mirror.", restore(home, mirror, name))


@contextmanager
def warned() -> Iterator[None]:
    try:
        yield
    except (UserError, OSError) as error:
        log.warning("%s", error)
    except Exception:  # a bug must not keep the other runs away
        log.exception("A run could not be brought here.")


def settle(home: Home, coming: Path, run: str) -> str:
    """Among the runs of this home, in one step."""
    folder = RunFolder(home.runs / run)
    if folder.path.exists():
        folder = RunFolder(numbered_folder(home.runs))
        folder.path.rmdir()
    for part in (coming / "checkpoints", coming / "weights"):
        part.mkdir(exist_ok=True)
    with Store(RunFolder(coming)) as store:
        store.set(together=[folder.run])
    coming.rename(folder.path)
    return folder.run
