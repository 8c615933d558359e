"""Where snapshots of runs lie, away from this machine: a folder (a mounted bucket, another disk),
or a repository of the Hub. A snapshot is whole or not there: its folder gets its name last, or it
is one commit.
"""

import os
import re
import shutil
import time
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import Protocol

from resnet_demo.errors import UserError
from resnet_demo.export import hub_folder

NAME = re.compile(r"(?P<run>[A-Za-z0-9_-]{1,64})-(?P<created>\d{13})")  # milliseconds
KEPT = 2  # snapshots of a run in a folder: one may be under way


def name_of(run: str, created: float) -> str:
    """Of a run among those of all machines."""
    return f"{run}-{round(created * 1000):013d}"


class Mirror(Protocol):
    """Where snapshots and pictures lie. All methods raise UserError, or OSError, when it cannot be
    reached."""

    def send(self, snapshot: Path, name: str) -> None: ...
    def has(self, name: str) -> bool: ...
    def names(self) -> list[str]: ...
    def fetch(self, name: str, place: Path, what: str = "*") -> None: ...


@dataclass(frozen=True)
class FolderMirror:
    """`PLACE/NAME/TIME/`, the newest few."""

    place: Path

    def send(self, snapshot: Path, name: str) -> None:
        folder = self.place / name
        for left in folder.glob(".*ing-*"):  # what a kill left
            shutil.rmtree(left)
        coming = folder / f".coming-{os.getpid()}"
        shutil.copytree(snapshot, coming, copy_function=copy_to_disk)
        coming.rename(folder / f"{time.time_ns():020d}")
        for old in self.snapshots(name)[KEPT:]:
            going = old.rename(folder / f".going-{old.name}")  # never seen without a part of it
            shutil.rmtree(going)

    def snapshots(self, name: str) -> list[Path]:
        """Whole ones, the newest first."""
        return sorted((self.place / name).glob("[0-9]*"), reverse=True)

    def has(self, name: str) -> bool:
        return bool(self.snapshots(name))

    def names(self) -> list[str]:
        if not self.place.is_dir():
            return []
        return [path.name for path in self.place.iterdir() if self.snapshots(path.name)]

    def fetch(self, name: str, place: Path, what: str = "*") -> None:
        newest, *_ = self.snapshots(name)
        others = lambda _, names: {name for name in names if not fnmatch(name, what)}  # noqa: E731
        shutil.copytree(newest, place, ignore=others)


@dataclass(frozen=True)
class HubMirror:
    """`NAME/` in a private repository; a snapshot is one commit, and only what changed is sent."""

    repo: str

    def send(self, snapshot: Path, name: str) -> None:
        hub_folder.upload(snapshot, self.repo, True, f"Snapshot of run {name}", within=name)

    def has(self, name: str) -> bool:
        """No, in a repository that is not there yet."""
        return any(path.startswith(f"{name}/") for path in hub_folder.names_if_there(self.repo))

    def names(self) -> list[str]:
        paths = hub_folder.names_in(self.repo)
        return sorted({path.split("/")[0] for path in paths if "/" in path})

    def fetch(self, name: str, place: Path, what: str = "*") -> None:
        coming = place.with_name(f"{place.name}-files")
        hub_folder.download(self.repo, name, coming, what)
        (coming / name).rename(place)
        shutil.rmtree(coming)


def mirror_at(text: str) -> Mirror:
    """Raises UserError for what is no mirror."""
    if text.startswith("hub:"):
        hub_folder.check_repo(text.removeprefix("hub:"))
        return HubMirror(text.removeprefix("hub:"))
    path = Path(text).expanduser()
    if not path.is_absolute():
        raise UserError(f"A mirror is hub:USER/REPO or a folder's whole path. Got '{text[:80]}'.")
    return FolderMirror(path)


def copy_to_disk(path: str, target: str) -> None:
    shutil.copyfile(path, target)
    with open(target, "rb") as file:
        os.fsync(file.fileno())
