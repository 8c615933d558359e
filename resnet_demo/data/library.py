"""Pictures that a person brought, kept in the home as `dataset:NAME`.

    home/datasets/NAME/index.sqlite          one row a picture
                       pictures/ab/cdef....  named by the SHA-256 of the file that came

A picture is decoded in the decoder's process before it is taken in, and kept as it came unless it
is larger than any training needs. The same file twice is one picture.
"""

import hashlib
import io
import os
import re
import shutil
import sqlite3
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from resnet_demo.config import LARGEST_PX, Home
from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.folder import read_file, unequal_sentence
from resnet_demo.data.labels import Labelled, Reading
from resnet_demo.data.pixel_cache import CROP_MARGIN
from resnet_demo.data.split import check_enough, kept_apart, place_of
from resnet_demo.errors import UserError
from resnet_demo.files import Json, write_whole
from resnet_demo.images.decoder import Decoders
from resnet_demo.progress import Progress

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")
KEPT_SIDE = round(LARGEST_PX * CROP_MARGIN)  # px of the shorter side: the most that training reads
QUALITY = 95  # of a JPEG that was made smaller
CHUNK = 32  # pictures taken in between two reports
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


@dataclass
class Import:
    """What became of the pictures that came."""

    added: int = 0
    again: int = 0  # the same file was there already
    moved_to_val: int = 0  # came for training and validation
    contradicting: list[str] = field(default_factory=list)  # came for two classes
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, reason

    def sentence(self) -> str:
        said = [f"{self.added:,} pictures were added"]
        if self.again:
            said.append(f"{self.again:,} came again and count once")
        if self.moved_to_val:
            said.append(
                f"{self.moved_to_val:,} came both to train and to validate and only validate now"
            )
        if self.contradicting:
            names = ", ".join(self.contradicting[:3])
            said.append(
                f"{len(self.contradicting):,} came for two classes and keep the first ({names})"
            )
        if self.refused:
            name, reason = self.refused[0]
            said.append(f"{len(self.refused):,} were refused, e.g. {name}: {reason.rstrip('.')}")
        return "; ".join(said) + "."


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

    # --- pictures come in ------------------------------------------------------------------------

    def add(self, found: Reading, source: str) -> Generator[Progress, None, Import]:
        """Take in what was read. Stopped in the middle, it is marked unfinished until the same is
        added again, which passes over what is here."""
        done, total = Import(refused=list(found.refused)), len(found.items)
        with self.transaction() as database:
            database.execute("DELETE FROM unfinished")
            database.execute("INSERT INTO unfinished VALUES (?)", (source,))
            database.execute("DELETE FROM refused")
        decoders = Decoders(count=os.cpu_count() or 1, most_waiting=CHUNK)
        try:
            with ThreadPoolExecutor(os.cpu_count()) as pool:
                for start in range(0, total, CHUNK):
                    chunk = found.items[start : start + CHUNK]
                    rows = list(pool.map(partial(self.taken_in, decoders), chunk))
                    self.note_rows(rows, done)
                    yield "Reading pictures", min(start + CHUNK, total), total
        finally:
            decoders.end()
        with self.transaction() as database:
            database.execute("DELETE FROM unfinished")
            database.execute("DELETE FROM note")
            notes = [*found.notes, found.left_out.sentence()]
            database.executemany("INSERT INTO note VALUES (?)", [(n,) for n in notes if n])
            database.executemany("INSERT INTO refused VALUES (?, ?)", done.refused)
        return done

    def taken_in(self, decoders: Decoders, item: Labelled) -> Row | tuple[str, str]:
        """Its row, with the picture in place; or (name, reason) of a refusal."""
        name = item.path.name
        try:
            with item.path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            if not self.picture(digest).exists():
                self.keep(digest, item.path, decoders.decode(item.path))
        except UserError as error:
            return name, str(error)
        except OSError as error:
            if error.errno is not None and not item.path.exists():
                return name, f"it cannot be read ({error.strerror})"
            raise UserError(f"Cannot write to {self.folder} ({error.strerror}).") from None
        return digest, name, item.label[:LONGEST_CLASS], item.split

    def keep(self, digest: str, source: Path, pixels: np.ndarray) -> None:
        place = self.picture(digest)
        place.parent.mkdir(exist_ok=True)
        if min(pixels.shape[:2]) <= KEPT_SIDE:
            data = source.read_bytes()
        else:
            data = smaller(pixels)
        write_whole(place, lambda file: file.write(data))

    def note_rows(self, rows: Iterable[Row | tuple[str, str]], done: Import) -> None:
        with self.transaction() as database:
            for row in rows:
                if len(row) == 2:
                    done.refused.append(row)
                else:
                    self.note_row(database, row, done)

    def note_row(self, database: sqlite3.Connection, row: Row, done: Import) -> None:
        digest, name, label, split = row
        query = "SELECT class, split FROM picture WHERE digest = ?"
        there = database.execute(query, (digest,)).fetchone()
        if there is None:
            database.execute("INSERT INTO picture VALUES (?, ?, ?, ?)", row)
            database.execute("INSERT OR IGNORE INTO class VALUES (?)", (label,))
            done.added += 1
        elif there[0] != label:
            done.contradicting.append(name)
        elif "val" in (split, there[1]) and split != there[1]:
            database.execute("UPDATE picture SET split = 'val' WHERE digest = ?", (digest,))
            done.moved_to_val += 1
        else:
            done.again += 1

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
        return Pictures(classes, train, val, " ".join(filter(None, [*notes, note, unequal])))

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


def smaller(pixels: np.ndarray) -> bytes:
    """A JPEG whose shorter side is KEPT_SIDE."""
    image = Image.fromarray(pixels)
    scale = KEPT_SIDE / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    data = io.BytesIO()
    shrunk = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    shrunk.save(data, "JPEG", quality=QUALITY, subsampling=0)
    return data.getvalue()


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
    return sorted(path.parent.name for path in home.datasets.glob("*/index.sqlite"))
