"""Pictures on their way into a data set: each decoded in the decoder's process, and named by its
SHA-256, so that the same file twice is one picture.
"""

import hashlib
import io
import sqlite3
from collections.abc import Generator, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image

from resnet_demo.config import LARGEST_PX
from resnet_demo.cores import num_cores
from resnet_demo.data.labels import Labelled, Reading
from resnet_demo.data.library import LONGEST_CLASS, Library, Row
from resnet_demo.data.pixel_cache import CROP_MARGIN
from resnet_demo.errors import UserError, amount
from resnet_demo.files import write_whole
from resnet_demo.images.decoder import Decoders
from resnet_demo.progress import Progress

KEPT_SIDE = round(LARGEST_PX * CROP_MARGIN)  # px of the shorter side: the most that training reads
QUALITY = 95  # of a JPEG that was made smaller
CHUNK = 32  # pictures taken in between two reports


@dataclass
class Import:
    """What became of the pictures that came."""

    added: int = 0
    again: int = 0  # the same file was there already
    moved_to_val: int = 0  # came for training and validation
    contradicting: list[str] = field(default_factory=list)  # came for two classes
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, reason

    def sentence(self) -> str:
        said = [f"Added: {amount(self.added, 'picture')}"]
        if self.again:
            said.append(f"{self.again:,} came again (counted once)")
        if self.moved_to_val:
            said.append(
                f"{self.moved_to_val:,} came both to train and to validate (now to validate alone)"
            )
        if self.contradicting:
            names = ", ".join(self.contradicting[:3])
            said.append(
                f"{len(self.contradicting):,} came for two classes (the first is kept: {names})"
            )
        if self.refused:
            name, reason = self.refused[0]
            said.append(f"{len(self.refused):,} refused, e.g. {name}: {reason.rstrip('.')}")
        return "; ".join(said) + "."


def add(library: Library, reading: Reading, source: str) -> Generator[Progress, None, Import]:
    """Take in what was read. Stopped in the middle, it is marked unfinished until the same is
    added again, which passes over what is here."""
    done, total = Import(refused=list(reading.refused)), len(reading.items)
    with library.transaction() as database:
        database.execute("DELETE FROM unfinished")
        database.execute("INSERT INTO unfinished VALUES (?)", (source,))
        database.execute("DELETE FROM refused")
    decoders = Decoders(count=num_cores(), most_waiting=CHUNK)
    try:
        with ThreadPoolExecutor(num_cores()) as pool:
            for start in range(0, total, CHUNK):
                chunk = reading.items[start : start + CHUNK]
                rows = list(pool.map(partial(taken_in, library, decoders), chunk))
                note_rows(library, rows, done)
                yield "Reading pictures", min(start + CHUNK, total), total
    finally:
        decoders.end()
    with library.transaction() as database:
        database.execute("DELETE FROM unfinished")
        database.execute("DELETE FROM note")
        notes = [*reading.notes, reading.left_out.sentence()]
        database.executemany("INSERT INTO note VALUES (?)", [(n,) for n in notes if n])
        database.executemany("INSERT INTO refused VALUES (?, ?)", done.refused)
    return done


def taken_in(library: Library, decoders: Decoders, item: Labelled) -> Row | tuple[str, str]:
    """Its row, with the picture in place; or (name, reason) of a refusal."""
    name = item.path.name
    try:
        with item.path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if not library.picture(digest).exists():
            keep(library, digest, item.path, decoders.decode(item.path, KEPT_SIDE + 1))
    except UserError as error:
        return name, str(error)
    except OSError as error:
        if error.errno is not None and not item.path.exists():
            return name, f"it cannot be read ({error.strerror})"
        raise UserError(f"Cannot write to {library.folder} ({error.strerror}).") from None
    return digest, name, item.label[:LONGEST_CLASS], item.split


def keep(library: Library, digest: str, source: Path, pixels: np.ndarray) -> None:
    place = library.picture(digest)
    place.parent.mkdir(exist_ok=True)
    if min(pixels.shape[:2]) <= KEPT_SIDE:
        data = source.read_bytes()
    else:
        data = smaller(pixels)
    write_whole(place, lambda file: file.write(data))


def note_rows(library: Library, rows: Iterable[Row | tuple[str, str]], done: Import) -> None:
    with library.transaction() as database:
        for row in rows:
            if len(row) == 2:
                done.refused.append(row)
            else:
                note_row(database, row, done)


def note_row(database: sqlite3.Connection, row: Row, done: Import) -> None:
    digest, name, label, split = row
    query = "SELECT class, split FROM picture WHERE digest = ?"
    there = database.execute(query, (digest,)).fetchone()
    if there is None:
        database.execute("INSERT INTO picture VALUES (?, ?, ?, ?)", row)
        database.execute("INSERT OR IGNORE INTO class VALUES (?)", (label,))
        done.added += 1
    elif there[0] != label:
        done.contradicting.append(name)
    elif {split, there[1]} == {"train", "val"}:
        database.execute("UPDATE picture SET split = 'val' WHERE digest = ?", (digest,))
        done.moved_to_val += 1
    else:
        done.again += 1


def smaller(pixels: np.ndarray) -> bytes:
    """A JPEG whose shorter side is KEPT_SIDE."""
    image = Image.fromarray(pixels)
    scale = KEPT_SIDE / min(image.size)
    size = (round(image.width * scale), round(image.height * scale))
    data = io.BytesIO()
    shrunk = image.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0)
    shrunk.save(data, "JPEG", quality=QUALITY, subsampling=0)
    return data.getvalue()
