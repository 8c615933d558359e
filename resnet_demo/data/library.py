"""Pictures that a person brought, kept in the home as `dataset:NAME`.

    home/datasets/NAME/index.sqlite          one row a picture
                       pictures/ab/cdef....  named by the SHA-256 of the file that came

A picture is decoded in the decoder's process before it is taken in, and kept as it came unless it
is larger than any training needs. The same file twice is one picture.
"""

import hashlib
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from resnet_demo.config import Home
from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.folder import read_file, unequal_sentence
from resnet_demo.data.split import check_enough, kept_apart, place_of
from resnet_demo.errors import UserError
from resnet_demo.files import Json

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
LONGEST_CLASS = 60
SCHEMA = """
CREATE TABLE IF NOT EXISTS class (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS picture (
    digest TEXT PRIMARY KEY, name TEXT, class TEXT, split TEXT);
CREATE TABLE IF NOT EXISTS refused (name TEXT, reason TEXT);
CREATE TABLE IF NOT EXISTS note (text TEXT);
CREATE TABLE IF NOT EXISTS unfinished (source TEXT);
"""
Row = tuple[str, str, str, str]  # digest, name, class, split


class Library:
    """One data set. Every change is one transaction."""

    def __init__(self, home: Home, name: str) -> None:
        self.name, self.folder = check_name(name), home.datasets / name
        self.index = self.folder / "index.sqlite"

    def open(self) -> "Library":
        """Raises UserError when there is no such data set."""
        if not self.index.is_file():
            raise UserError(
                f"There is no data set '{self.name}' here. See: python -m resnet_demo dataset list."
            )
        return self

    def make(self) -> "Library":
        (self.folder / "pictures").mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.index)) as database:
            database.executescript(SCHEMA)
        return self

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Raises UserError when the index is damaged, or the disk is full."""
        try:
            with closing(sqlite3.connect(self.index, timeout=30)) as database, database:
                yield database
        except sqlite3.Error as error:
            raise UserError(f"The data set {self.name} cannot be used ({error}).") from None

    def select(self, query: str, *values: object) -> list[tuple[Any, ...]]:
        with self.transaction() as database:
            return database.execute(query, values).fetchall()

    def picture(self, digest: str) -> Path:
        """Where a picture lies. Raises UserError for what is no digest."""
        if not re.fullmatch("[0-9a-f]{64}", digest):
            raise UserError("There is no such picture.")
        return self.folder / "pictures" / digest[:2] / digest[2:]

    # --- corrections -----------------------------------------------------------------------------

    def rename(self, old: str, new: str) -> None:
        """A class; into one that is there, to merge the two."""
        new = check_class(new)
        self.check_has(old)
        with self.transaction() as database:
            database.execute("UPDATE picture SET class = ? WHERE class = ?", (new, old))
            database.execute("DELETE FROM class WHERE name = ?", (old,))
            database.execute("INSERT OR IGNORE INTO class VALUES (?)", (new,))

    def move(self, digests: Sequence[str], label: str) -> None:
        """Pictures, into a class."""
        label = check_class(label)
        with self.transaction() as database:
            rows = [(label, digest) for digest in digests]
            database.executemany("UPDATE picture SET class = ? WHERE digest = ?", rows)
            database.execute("INSERT OR IGNORE INTO class VALUES (?)", (label,))

    def remove(self, digests: Sequence[str]) -> None:
        with self.transaction() as database:
            rows = [(digest,) for digest in digests]
            database.executemany("DELETE FROM picture WHERE digest = ?", rows)
        for digest in digests:
            self.picture(digest).unlink(missing_ok=True)

    def remove_class(self, label: str) -> None:
        self.check_has(label)
        query = "SELECT digest FROM picture WHERE class = ?"
        self.remove([digest for (digest,) in self.select(query, label)])
        with self.transaction() as database:
            database.execute("DELETE FROM class WHERE name = ?", (label,))

    def check_has(self, label: str) -> None:
        if label not in self.counts():
            have = ", ".join(list(self.counts())[:5])
            raise UserError(f"There is no class '{label[:40]}'. There are: {have or 'none'}.")

    def delete(self) -> None:
        shutil.rmtree(self.open().folder)

    # --- what there is ---------------------------------------------------------------------------

    def counts(self) -> dict[str, int]:
        """Pictures of each class, by name."""
        counts = Counter(
            dict(self.select("SELECT class, COUNT(*) FROM picture GROUP BY class ORDER BY class"))
        )
        return {name: counts[name] for (name,) in self.select("SELECT name FROM class ORDER BY 1")}

    def pictures_of(self, label: str, most: int) -> list[tuple[str, str]]:
        """(digest, name) of the first pictures of a class."""
        query = "SELECT digest, name FROM picture WHERE class = ? ORDER BY rowid LIMIT ?"
        return self.select(query, label, most)

    def unfinished(self) -> str:
        """What is to be imported again; empty when all is here."""
        rows = self.select("SELECT source FROM unfinished")
        return rows[0][0] if rows else ""

    def pictures(self) -> Pictures:
        """Raises UserError for a data set that cannot be trained on."""
        source = self.open().unfinished()
        if source:
            raise UserError(
                f"The import of {source} into {self.name} was stopped. Import it again: it goes on "
                f"where it was."
            )
        classes = self.check_classes()
        rows: list[Row] = self.select(
            "SELECT digest, name, class, split FROM picture ORDER BY class, digest"
        )
        labels = [classes.index(row[2]) for row in rows]
        apart, note = divided(rows, classes, labels, self.name)
        rows_of: dict[bool, list[tuple[Row, int]]] = {False: [], True: []}
        for row, label, is_val in zip(rows, labels, apart):
            rows_of[is_val].append((row, label))
        train, val = self.split(rows_of[False]), self.split(rows_of[True])
        for name, split in (("train", train), ("validate", val)):
            empty = [c for label, c in enumerate(classes) if label not in set(split.labels)]
            if empty:
                raise UserError(f"{self.name} has no picture to {name} for {', '.join(empty[:3])}.")
        unequal = unequal_sentence(classes, train.labels)
        notes = [row[0] for row in self.select("SELECT text FROM note")]
        said = " ".join(filter(None, [*notes, note, unequal]))
        return Pictures(classes, train, val, said, kept_apart=bool(note))

    def check_classes(self) -> tuple[str, ...]:
        counts = self.counts()
        if len(counts) < 2:
            raise UserError(f"{self.name} has {len(counts)} classes; at least 2 are needed.")
        empty = [label for label, count in counts.items() if not count]
        if empty:
            raise UserError(
                f"Class {', '.join(empty[:3])} of {self.name} has no pictures. Add some, or remove "
                f"it."
            )
        return tuple(counts)

    def split(self, rows: list[tuple[Row, int]]) -> Split:
        paths = tuple(self.picture(row[0]) for row, _ in rows)
        lines = "".join(f"{row[0]} {row[2]}\n" for row, _ in rows)
        return Split(
            names=tuple(f"{row[2]}/{row[0][:8]}-{row[1]}" for row, _ in rows),
            labels=tuple(label for _, label in rows),
            read=partial(read_file, paths),
            fingerprint=hashlib.sha256(lines.encode()).hexdigest(),
        )

    def table(self) -> Json:
        """What `dataset show` and the page say."""
        refused = self.select("SELECT name, reason FROM refused")
        return {
            "name": self.name,
            "data": f"dataset:{self.name}",
            "classes": [{"name": name, "n": n} for name, n in self.counts().items()],
            "refused": [{"name": name, "reason": reason} for name, reason in refused],
            "unfinished": self.unfinished(),
        }


def divided(
    rows: list[Row], classes: Sequence[str], labels: list[int], name: str
) -> tuple[list[bool], str]:
    """Which pictures validate, and what to say of it: those that came so, or one in five."""
    if any(row[3] == "val" for row in rows):
        return [row[3] == "val" for row in rows], ""
    check_enough(classes, labels, name)
    apart = kept_apart([place_of(bytes.fromhex(row[0])) for row in rows], labels)
    return apart, (
        f"One picture in five of each class is kept for validation, chosen by its content: "
        f"{len(rows) - sum(apart):,} to train, {sum(apart):,} to validate."
    )


def check_name(name: str) -> str:
    if not NAME.fullmatch(name):
        raise UserError(
            f"A data set's name is made of letters, digits, - and _, 64 at most. Got '{name[:70]}'."
        )
    return name


def check_class(name: str) -> str:
    name = name.strip()
    if not 0 < len(name) <= LONGEST_CLASS or not name.isprintable():
        raise UserError(f"A class needs a name of 1 to {LONGEST_CLASS} characters.")
    return name


def names_of(home: Home) -> list[str]:
    """Of all data sets, by name."""
    names = (path.parent.name for path in home.datasets.glob("*/index.sqlite"))
    return sorted(filter(NAME.fullmatch, names))


def tables(home: Home) -> list[Json]:
    """What each data set holds; one that cannot be read is empty, and `damaged` says why."""
    return [table_or_why(Library(home, name)) for name in names_of(home)]


def table_or_why(library: Library) -> Json:
    try:
        return library.table()
    except UserError as error:
        nothing = {"classes": [], "refused": [], "unfinished": ""}
        about = {"name": library.name, "data": f"dataset:{library.name}"}
        return {**about, **nothing, "damaged": str(error)}
