"""A folder or an archive that a person has -> a data set of the library."""

import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.data.archive import is_archive, safe_parts, unpack
from resnet_demo.data.folder import check_is_folder, folder_path
from resnet_demo.data.intake import add
from resnet_demo.data.labels import FOLDERS, labelled
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
        with emptied_after(home) as into:
            unpacked = yield from unpack(place, into)
            return (yield from take_in(library, into, labels, place.name, unpacked.refused))
    check_is_folder(place)
    return (yield from take_in(library, place, labels, place.name, []))


def import_files(
    home: Home, name: str, files: list[tuple[Path, str]], labels: str = FOLDERS
) -> Work:
    """The same for files under the names that they had elsewhere ("pets/cat/1.jpg"); archives
    among them are unpacked."""
    library = Library(home, name)
    with emptied_after(home) as into:
        refused: list[tuple[str, str]] = []
        for number, (path, called) in enumerate(files):
            if is_archive(path):
                unpacked = yield from unpack(path, into / f"{number}")
                refused += unpacked.refused
            else:
                place_below(into, path, called)
        return (yield from take_in(library, into, labels, "what you dropped", refused))


def take_in(
    library: Library, root: Path, labels: str, source: str, refused: list[tuple[str, str]]
) -> Work:
    reading = labelled(root, labels)
    reading.refused = [*refused, *reading.refused]
    if not reading.items:
        raise UserError(nothing_in(source, reading.refused, reading.left_out.sentence()))
    fresh = not library.index.exists()
    done = yield from add(library.make(), reading, source)
    if fresh and not done.added:
        library.delete()
        raise UserError(nothing_in(source, done.refused, reading.left_out.sentence()))
    sentence = " ".join(
        filter(None, [*reading.notes, reading.left_out.sentence(), done.sentence()])
    )
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
