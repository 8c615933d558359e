"""A folder or an archive that a person has -> a data set of the library."""

import os
import re
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.data.archive import Unpacked, is_archive, namesakes, safe_parts, unpack
from resnet_demo.data.folder import (
    TRAIN_NAMES,
    check_is_folder,
    folder_path,
    folders_in,
    is_junk,
    is_split_name,
    unwrapped,
)
from resnet_demo.data.intake import add
from resnet_demo.data.labels import FOLDERS, PREFIX, Reading, labelled
from resnet_demo.data.library import Library
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress

Work = Generator[Progress, None, Json]


def import_path(home: Home, name: str, source: str, labels: str = FOLDERS) -> Work:
    """Pictures of a folder, ZIP or TAR become `dataset:NAME`, or part of it when it is there.

    Returns Library.table() with {added, sentence}. Raises UserError, and keeps nothing, when
    there is no picture with a class in it.
    """
    library, place = Library(home, name), folder_path(source)
    if place.is_file() and is_archive(place):
        return (yield from import_files(home, name, [(place, place.name)], labels, place.name))
    check_is_folder(place)
    return (yield from take_in(library, labelled(place, labels), place.name))


def import_files(
    home: Home,
    name: str,
    files: list[tuple[Path, str]],
    labels: str = FOLDERS,
    source: str = "what you dropped",
) -> Work:
    """The same for files under the names that they had elsewhere ("pets/cat/1.jpg"); archives
    among them are unpacked."""
    library, out = Library(home, name), Unpacked()
    with emptied_after(home) as into:
        for number, (path, called) in enumerate(files):
            apart = into / f"{number}"
            apart.mkdir()
            if is_archive(path):
                out.add((yield from unpack(path, apart)))
            else:
                place_below(apart, path, called)
        reading = labelled(root_of(into, files, labels), labels)
        reading.refused = [*out.refused, *reading.refused]
        reading.left_out.suffixes += out.left_out.suffixes
        return (yield from take_in(library, reading, source))


def root_of(into: Path, files: list[tuple[Path, str]], labels: str) -> Path:
    """Where the labels of files are to be read that lie in `into` apart, each in its folder 0, 1,
    ...: folders have one for all."""
    if labels == PREFIX:  # names must stay as they are
        return into
    whole = into / "together"
    whole.mkdir()
    archives = [called for path, called in files if is_archive(path)]
    for number, (path, called) in enumerate(files):
        inner = into / f"{number}"
        if labels == FOLDERS and is_archive(path):
            inner = unwrapped(inner)
            move(inner, whole / folder_of(inner, called, archives))
        else:
            move(inner, whole)
    return whole


def folder_of(inner: Path, called: str, archives: list[str]) -> str:
    """Where what is in one of the archives belongs. Pictures alone: to the class that was said, or
    that it is called where there are others. Class folders: beside those of the others, or to its
    side where one is called train."""
    folders, stem = folders_in(inner), stem_of(called)
    if not folders:
        *said, _ = safe_parts(called) or ("",)
        label = said[-1] if said else stem if len(archives) > 1 else ""
        return "" if is_junk(label) else label
    sides = [is_split_name(folder.name) for folder in folders]
    trains = any(stem_of(each).lower() in TRAIN_NAMES for each in archives)
    return stem if trains and is_split_name(stem) and not any(sides) else ""


def stem_of(called: str) -> str:
    """ "cats" of "pets/cats.tar.gz"."""
    return re.sub(r"(\.tar)?\.[^.]+$", "", called.rpartition("/")[2])


def move(source: Path, into: Path) -> None:
    """All that is in a folder to another one; of two of one name both stay."""
    into.mkdir(parents=True, exist_ok=True)
    for path in sorted(source.iterdir()):
        place = into / path.name
        if path.is_dir() and place.is_dir():
            move(path, place)
        else:
            path.rename(next(free for free in namesakes(place) if not os.path.lexists(free)))


def take_in(library: Library, reading: Reading, source: str) -> Work:
    left_out = reading.left_out.sentence()
    if not reading.items:
        raise UserError(nothing_in(source, reading.refused, left_out))
    fresh = not library.index.exists()
    done = yield from add(library.make(), reading, source)
    if fresh and not done.added:
        library.delete()
        raise UserError(nothing_in(source, done.refused, left_out))
    sentence = " ".join(filter(None, [*reading.notes, left_out, done.sentence()]))
    return {**library.table(), "added": done.added, "sentence": sentence}


def nothing_in(source: str, refused: list[tuple[str, str]], left_out: str) -> str:
    why = f" {left_out}" if left_out else ""
    if refused:
        why += f" {len(refused)} refused, e.g. {refused[0][0]}: {refused[0][1]}."
    return (
        f"There is no picture with a class in {source}: put the pictures of each class into a "
        f"folder of its name.{why}"
    )


def place_below(root: Path, path: Path, called: str) -> None:
    """Under its own name, if nothing in it leads outside."""
    parts = safe_parts(called)
    if not parts:
        raise UserError(f"'{called[:60]}' is no name for a picture.")
    place = root.joinpath(*parts)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, place)
    except OSError as error:
        raise UserError(f"Cannot take {parts[-1]} in ({error.strerror}).") from None


@contextmanager
def emptied_after(home: Home) -> Iterator[Path]:
    """A folder on the home's disk; those of processes that were killed go too."""
    home.datasets.mkdir(parents=True, exist_ok=True)
    for left_over in home.datasets.glob(".import-*"):
        if not is_alive(left_over.name.split("-")[1]):
            shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=home.datasets, prefix=f".import-{os.getpid()}-") as place:
        yield Path(place)


def is_alive(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except (OSError, ValueError):
        pass
    return True
