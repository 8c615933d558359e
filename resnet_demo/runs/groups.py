"""Runs that were begun as one, a lab or a sweep: `PLACE/<id>/<word>.json` names them, everything
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
from resnet_demo.runs.snapshot import RunSnapshot, nothing
from resnet_demo.runs.store import Store

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

T = TypeVar("T")
G = TypeVar("G", bound="DataclassInstance")


def create(
    home: Home,
    place: Path,
    word: str,
    configs: list[TrainConfig],
    named: Callable[[str, tuple[str, ...]], G],
) -> G:
    """All runs queued and the file that names them, or nothing. named: makes the record of an id
    and its runs. Raises UserError when the home cannot be written to, or the pictures cannot be
    trained on."""
    home.make()
    folder, runs = numbered_folder(place), []
    try:
        for config in configs:
            runs.append(control.new_run(home, config))
        group = named(folder.name, tuple(runs))
        write_json(folder / f"{word}.json", asdict(group))
    except (OSError, UserError) as error:
        for run in runs:
            control.delete(home, run)
        shutil.rmtree(folder, ignore_errors=True)
        raise UserError(
            f"Cannot write a {word} to {home.path} ({error}). Make room there."
        ) from None
    return group


def names(place: Path, word: str) -> list[str]:
    """Newest first."""
    return sorted((path.parent.name for path in place.glob(f"*/{word}.json")), reverse=True)


def read(place: Path, word: str, name: str, parsed: Callable[[Json], G]) -> G:
    """parsed: the record of what the file holds; whatever it raises means a damaged file. Raises
    UserError for a name that is none, and for a damaged file."""
    path = place / name / f"{word}.json"
    if not re.fullmatch(r"\d{4,9}", name) or not path.is_file():
        known = ", ".join(names(place, word)[:5]) or "none yet"
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
