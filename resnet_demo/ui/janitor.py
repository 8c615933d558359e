"""What uploads leave on the disk is bounded: swept by age and by size, with room kept free."""

import logging
import shutil
import threading
import time
from collections.abc import Iterator
from pathlib import Path

log = logging.getLogger(__name__)
OLDEST_SECONDS = 3600.0
MOST_BYTES = {"public": 2**30, "own": 8 * 2**30}  # of uploads and what was made of them
EVERY_SECONDS = 60.0
FREE_BYTES = 2**30  # kept for training: under it nothing is uploaded


def upload_folder() -> Path:
    """Where Gradio puts what comes in; files for a download are made there too."""
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def has_room(more_bytes: int) -> bool:
    return shutil.disk_usage(upload_folder()).free - more_bytes >= FREE_BYTES


def sweep(folder: Path, oldest_seconds: float, most_bytes: int) -> int:
    """Remove files that are too old, then the oldest until the rest is small enough. Returns how
    many; what another process removes meanwhile is no matter."""
    files = sorted(files_below(folder))
    size, removed = sum(bytes_ for _, bytes_, _ in files), 0
    for changed, bytes_, path in files:
        if time.time() - changed < oldest_seconds and size <= most_bytes:
            break
        path.unlink(missing_ok=True)
        size -= bytes_
        removed += 1
    for place in sorted(folder.rglob("*"), reverse=True):  # inner folders first
        if place.is_dir() and not place.is_symlink() and is_old(place, oldest_seconds):
            remove_if_empty(place)
    return removed


def files_below(folder: Path) -> Iterator[tuple[float, int, Path]]:
    """(when changed, bytes, path)"""
    for path in folder.rglob("*"):
        try:
            about = path.lstat()
        except OSError:
            continue
        if not path.is_dir() or path.is_symlink():
            yield about.st_mtime, about.st_size, path


def is_old(place: Path, oldest_seconds: float) -> bool:
    try:
        return time.time() - place.stat().st_mtime > min(oldest_seconds, EVERY_SECONDS)
    except OSError:
        return False


def remove_if_empty(place: Path) -> None:
    try:
        place.rmdir()
    except OSError:  # not empty
        pass


def begin(public: bool) -> None:
    """Sweep now and every minute, while this process lives."""
    most = MOST_BYTES["public" if public else "own"]

    def work() -> None:
        while True:
            removed = sweep(upload_folder(), OLDEST_SECONDS, most)
            if removed:
                log.info("%d old uploads were removed.", removed)
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=work, daemon=True, name="janitor").start()
