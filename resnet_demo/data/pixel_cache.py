"""Pictures decoded once into a uint8 memory-mapped file that all runs share.

The file's name is a hash of the pictures' fingerprint and the side, so a changed folder makes a
new file. It is written under another name and renamed when complete: a build that is killed
leaves nothing that could be taken for a cache, and the next one goes on where it was.
"""

import hashlib
import os
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_demo.config import Home, TrainConfig
from resnet_demo.cores import num_cores
from resnet_demo.data.cache_room import make_room, note_use
from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.errors import UserError, amount
from resnet_demo.files import read_json, write_json
from resnet_demo.images.decode import square
from resnet_demo.progress import Progress

# Training pictures are kept larger than crops of them are shown: a crop of a third of the area
# still has that many pixels of its own, and is as sharp as a validation picture (bench/records).
CROP_MARGIN = 1.75
CUTTING = 2  # raise it where the same batch of a run gets other pixels than before
CHUNK = 64  # pictures decoded between two reports
NOTED = 64 * CHUNK  # pictures between two notes of how far a build has come


@dataclass(frozen=True)
class Pixels:
    """A split, ready for training: every picture square, aspect ratio kept, centre kept."""

    images: np.ndarray  # uint8 (N, px, px, 3), memory-mapped
    labels: np.ndarray  # int64 (N,)
    names: tuple[str, ...]
    broken: tuple[str, ...]  # "name: reason" of pictures left out
    digest: str = ""  # of images and labels: what a run is told by, wherever its pictures lie

    def __len__(self) -> int:
        return len(self.labels)


def load_pixels(
    pictures: Pictures, config: TrainConfig, home: Home
) -> Generator[Progress, None, tuple[Pixels, Pixels]]:
    """Both splits for a run; training pictures are kept larger than crops resized from them."""
    side, whole, crop_pct = kept_side(config), 1.0, config.crop_pct
    if config.freeze == "backbone":  # looked at as in validation
        side, whole = config.val_px, crop_pct
    train = yield from cached_pixels(pictures.train, side, home.caches, whole)
    val = yield from cached_pixels(pictures.val, config.val_px, home.caches, crop_pct)
    for split, pixels in ((pictures.train, train), (pictures.val, val)):
        check_no_class_is_lost(pictures.classes, split, pixels)
    return train, val


def kept_side(config: TrainConfig) -> int:
    """Of training pictures, in px."""
    return config.px if config.crop == "pad" else round(config.px * CROP_MARGIN)


def check_no_class_is_lost(classes: tuple[str, ...], split: Split, pixels: Pixels) -> None:
    lost = sorted(set(split.labels) - set(pixels.labels.tolist()))
    if lost:
        names = ", ".join(classes[label] for label in lost[:3])
        reason = next(text for text in pixels.broken)
        raise UserError(
            f"No picture of class {names} can be read (e.g. {reason}). Mend them, or take the "
            f"class's folder away."
        )


def cached_pixels(
    split: Split, px: int, caches: Path, crop_pct: float = 1.0
) -> Generator[Progress, None, Pixels]:
    """Yield while decoding, return the Pixels; nothing is yielded from a cache hit.

    Raises UserError when no picture can be read or the disk is full.
    """
    cut = "" if crop_pct == 1 else f" {crop_pct}"
    key = hashlib.sha256(f"{split.fingerprint} {px}{cut}".encode()).hexdigest()[:24]
    array_path, notes_path = caches / f"{key}.npy", caches / f"{key}.json"
    note_use(notes_path)
    if not is_whole(array_path, notes_path):
        size = len(split) * px * px * 3
        try:
            make_room(caches, size)
            yield from build(split, px, array_path, notes_path, crop_pct)
        except OSError as error:
            raise UserError(
                f"Cannot write the picture cache in {caches} ({error.strerror}). "
                f"It needs {size / 1e6:.0f} MB; make room or choose "
                f"another --home."
            ) from error
    return open_cache(split, array_path, notes_path)


def is_whole(array_path: Path, notes_path: Path) -> bool:
    """Whether the cache is there and what its builder wrote: its size always, its digest when the
    file was touched since."""
    notes = read_json(notes_path)
    try:
        stat = array_path.stat()
    except OSError:
        return False
    if notes is None or "sha256" not in notes or notes.get("bytes") != stat.st_size:
        return False
    return notes.get("mtime_ns") == stat.st_mtime_ns or notes["sha256"] == digest(array_path)


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def open_cache(split: Split, array_path: Path, notes_path: Path) -> Pixels:
    notes = read_json(notes_path) or {}
    broken = {int(index): reason for index, reason in notes["broken"].items()}
    kept = [index for index in range(len(split)) if index not in broken]
    labels = np.array([split.labels[index] for index in kept], dtype=np.int64)
    return Pixels(
        images=np.load(array_path, mmap_mode="r"),
        labels=labels,
        names=tuple(split.names[index] for index in kept),
        broken=tuple(f"{split.names[index]}: {reason}" for index, reason in broken.items()),
        digest=hashlib.sha256(notes["sha256"].encode() + labels.tobytes()).hexdigest(),
    )


def build(
    split: Split, px: int, array_path: Path, notes_path: Path, crop_pct: float
) -> Generator[Progress, None, None]:
    """Decode on all cores (Pillow releases the interpreter lock)."""
    look = partial(read, split, px, crop_pct)
    unfinished = array_path.with_suffix(f".{os.getpid()}.partial")
    done, broken = adopt_left_over(array_path, unfinished)
    try:
        with unfinished.open("r+b") as file, ThreadPoolExecutor(num_cores()) as pool:
            write_header(file, len(split), px)
            file.truncate(file.tell() + (done - len(broken)) * px * px * 3)  # whole pictures
            file.seek(0, os.SEEK_END)
            for start in range(done, len(split), CHUNK):
                chunk = range(start, min(start + CHUNK, len(split)))
                for index, result in zip(chunk, pool.map(look, chunk)):
                    if isinstance(result, str):
                        broken[index] = result
                    else:
                        file.write(result.tobytes())
                if chunk.stop % NOTED == 0:
                    sync(file)
                    write_json(progress_of(unfinished), {"done": chunk.stop, "broken": broken})
                yield "Decoding", chunk.stop, len(split)
            write_header(file, len(split) - len(broken), px)
            sync(file)
        if len(broken) == len(split):
            raise UserError(f"None of {amount(len(split), 'picture')} can be read: {broken[0]}")
        stat = unfinished.stat()
        notes = {"broken": broken, "bytes": stat.st_size, "mtime_ns": stat.st_mtime_ns}
        notes["sha256"] = digest(unfinished)
        unfinished.replace(array_path)
        write_json(notes_path, notes)
    finally:
        unfinished.unlink(missing_ok=True)
        progress_of(unfinished).unlink(missing_ok=True)


def adopt_left_over(array_path: Path, partial: Path) -> tuple[int, dict[int, str]]:
    """Make `partial` of what a builder that was killed has left, or anew; returns how many pictures
    were looked at and which of them are broken. Another process may be building the same cache
    now."""
    done, broken = 0, {}
    partial.touch()
    for left_over in array_path.parent.glob(f"{array_path.stem}.*.partial"):
        if left_over == partial or is_alive(int(left_over.suffixes[-2][1:])):
            continue
        notes = read_json(progress_of(left_over)) or {"done": 0}
        with suppress(FileNotFoundError):  # another adopted it
            if notes["done"] > done:
                left_over.replace(partial)
                done, broken = notes["done"], {int(i): why for i, why in notes["broken"].items()}
            left_over.unlink(missing_ok=True)
        progress_of(left_over).unlink(missing_ok=True)
    return done, broken


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        pass
    return True


def progress_of(partial: Path) -> Path:
    """How far a build has come; never ahead of the bytes on the disk."""
    return partial.with_suffix(".partial-notes")


def sync(file: BinaryIO) -> None:
    file.flush()
    os.fsync(file.fileno())


def write_header(file: BinaryIO, count: int, px: int) -> None:
    """NumPy's .npy header: always of the same length, so the count can be mended at the end."""
    file.seek(0)
    header = {"descr": "|u1", "fortran_order": False, "shape": (count, px, px, 3)}
    np.lib.format.write_array_header_1_0(file, header)


def read(split: Split, px: int, crop_pct: float, index: int) -> np.ndarray | str:
    """The square picture, or why it cannot be read."""
    try:
        return square(split.read(index), px, crop_pct)
    except UserError as error:
        return str(error)
