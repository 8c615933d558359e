"""A person's own pictures on a mirror: `dataset:NAME` goes there before the first snapshot of a run
that is trained on it, once for each state that it was in, and comes back with the run.

It goes as one file: a TAR with a consistent copy of the index, and the pictures.
"""

import hashlib
import re
import shutil
import sqlite3
import tarfile
import tempfile
from contextlib import closing
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.data.library import Library
from resnet_demo.errors import UserError
from resnet_demo.refs import DataRef
from resnet_demo.runs.mirror_places import Mirror

PACKED = "dataset.tar"
OWN_DATA = re.compile(r"dataset\.(?P<library>[A-Za-z0-9_-]+)\.[0-9a-f]{16}")


def name_of_data(home: Home, data: str) -> str:
    """Of the pictures as they are now, among all that a mirror holds; empty for those that anybody
    can have. Raises UserError when there is no such data set."""
    wanted = DataRef.parse(data)
    if wanted.kind != "dataset":
        return ""
    rows = Library(home, wanted.rest).open().select(
        "SELECT digest, class, split FROM picture ORDER BY digest"
    )  # fmt: skip
    return f"dataset.{wanted.rest}.{hashlib.sha256(repr(rows).encode()).hexdigest()[:16]}"


def send_data(home: Home, mirror: Mirror, name: str) -> None:
    """What `name_of_data` named, where the mirror has not got it. Raises UserError or OSError."""
    if not name or mirror.has(name):
        return
    with tempfile.TemporaryDirectory(dir=home.path, prefix=".sending-") as place:
        pack(Library(home, library_of(name)), Path(place) / PACKED)
        mirror.send(Path(place), name)


def library_of(name: str) -> str:
    """Of "dataset.pets.0123456789abcdef": "pets". Raises UserError for what is no such name: it may
    come from whoever filled the mirror."""
    match = OWN_DATA.fullmatch(name)
    if match is None:
        raise UserError(f"There are no pictures '{name[:80]}' in a mirror.")
    return match["library"]


def pack(library: Library, out: Path) -> None:
    copied = out.with_name(library.index.name)
    with closing(sqlite3.connect(library.index)) as index, closing(sqlite3.connect(copied)) as copy:
        index.backup(copy)
    with tarfile.open(out, "w") as tar:  # JPEGs do not get smaller
        tar.add(copied, library.index.name)
        tar.add(library.folder / "pictures", "pictures")
    copied.unlink()


def bring_data(home: Home, mirror: Mirror, name: str) -> None:
    """Unless a data set of its name is here, which stays as it is, or the mirror has none. Raises
    UserError, for a damaged file too, or OSError."""
    if not name or Library(home, library_of(name)).index.exists() or not mirror.has(name):
        return
    home.datasets.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=home.datasets, prefix=".coming-") as place:
        mirror.fetch(name, Path(place) / "sent")
        whole = Path(place) / "whole"
        unpack(Path(place) / "sent" / PACKED, whole)
        shutil.move(whole, Library(home, library_of(name)).folder)


def unpack(packed: Path, whole: Path) -> None:
    try:
        with tarfile.open(packed) as tar:
            tar.extractall(whole, filter="data")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise UserError(f"The pictures in the mirror are damaged ({error}).") from error
