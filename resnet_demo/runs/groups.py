"""Runs that were begun as one, a lab or a sweep: `<word>s/<id>/<word>.json` names them, everything
else is read from the runs. `word` is "lab" or "sweep".

Imports no torch: the page starts and lists them here.
"""

import re
import shutil
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import Json, numbered_folder, read_json, write_json
from resnet_demo.runs import control
from resnet_demo.runs.mirror_places import name_of
from resnet_demo.runs.snapshot import RunSnapshot, nothing
from resnet_demo.runs.store import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

WORDS = ("lab", "sweep")
ID = r"\d{4,9}"
T = TypeVar("T")
G = TypeVar("G", bound="DataclassInstance")


def create(
    home: Home,
    word: str,
    configs: list[TrainConfig],
    named: Callable[[str, tuple[str, ...]], G],
) -> G:
    """All runs queued and the file that names them, or nothing. named: makes the record of an id
    and its runs. Raises UserError when the home cannot be written to, or the pictures cannot be
    trained on."""
    home.make()
    folder, runs = numbered_folder(place_of(home, word)), []
    try:
        for config in configs:
            runs.append(control.new_run(home, config))
        group = named(folder.name, tuple(runs))
        write_json(folder / f"{word}.json", asdict(group))
        remember(home, word, group)
    except (OSError, UserError, sqlite3.Error) as error:
        for run in runs:
            control.delete(home, run)
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(
            f"Cannot write a {word} to {home.path} ({error}). Make room there."
        ) from None
    return group


def place_of(home: Home, word: str) -> Path:
    return {"lab": home.labs, "sweep": home.sweeps}[word]


def names(home: Home, word: str) -> list[str]:
    """Newest first."""
    paths = place_of(home, word).glob(f"*/{word}.json")
    return sorted((path.parent.name for path in paths), reverse=True)


def read(home: Home, word: str, name: str, parsed: Callable[[Json], G]) -> G:
    """parsed: the record of what the file holds; whatever it raises means a damaged file. Raises
    UserError for a name that is none, and for a damaged file."""
    path = place_of(home, word) / name / f"{word}.json"
    if not re.fullmatch(ID, name) or not path.is_file():
        known = ", ".join(names(home, word)[:5]) or "none yet"
        raise UserError(f"There is no {word} '{name}' here. {word.capitalize()}s: {known}.")
    try:
        return parsed(read_json(path) or {})
    except (KeyError, TypeError, ValueError, AttributeError):
        raise UserError(
            f"The file of {word} {name} is damaged: put its {word}.json back, or remove it."
        ) from None


def snapshots(
    home: Home, runs: Sequence[str], more: Callable[[Store], T] = nothing
) -> list[RunSnapshot[T] | None]:
    """One for each run, `more` as in `RunSnapshot.read`; None for one that was deleted or cannot be
    read: the Train tab lists it with its reason."""
    read_so_far: list[RunSnapshot[T] | None] = []
    for run in runs:
        read_so_far.append(None)
        with suppress(UserError, sqlite3.Error):
            read_so_far[-1] = RunSnapshot.read(control.run_folder(home, run), more)
    return read_so_far


def unfinished(home: Home, runs: Sequence[str]) -> list[str]:
    each_run: list[RunSnapshot[Any] | None] = snapshots(home, runs)
    return [each.row.run for each in each_run if each and each.row.state != "finished"]


# --- in a mirror -------------------------------------------------------------------------------


def remember(home: Home, word: str, group: "DataclassInstance") -> None:
    """In each of its runs: a mirror takes runs, and a fresh machine makes the group of them."""
    values = asdict(group)
    sent = []
    for run in values["runs"]:
        with Store(home.run(run)) as store:
            sent.append(name_of(run, store.fact("created")))
    for run in values["runs"]:
        with Store(home.run(run)) as store:
            store.set(group={"word": word, **values, "runs": sent})


def rejoin(home: Home, run: str, name: str) -> None:
    """Put a run that came back, under this name in the mirror, into its lab or sweep. Those that
    have not come yet, or never began, stand there by their names in the mirror."""
    with Store(home.run(run)) as store:  # a group that makes no sense is told as damage
        group = store.fact("group", {})
        word = group.pop("word", "")
        if word not in WORDS:
            return
        file = file_of(home, word, group)
        group = read_json(file) or group | {word: file.parent.name}
        group["runs"] = [run if each == name else each for each in group["runs"]]
        write_json(file, group)


def file_of(home: Home, word: str, group: Json) -> Path:
    """The one of this group that is here, else a new one: under its old number where it is free."""
    place = place_of(home, word)
    for name in names(home, word):
        file = place / name / f"{word}.json"
        if (read_json(file) or {}).get("created") == group["created"]:
            return file
    number = str(group[word])  # of whoever filled the mirror: no path
    folder = place / number
    if not re.fullmatch(ID, number) or folder.exists():
        folder = numbered_folder(place)
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{word}.json"
