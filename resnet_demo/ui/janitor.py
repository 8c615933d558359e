"""What uploads leave on the disk is bounded: swept by age and by size, with room kept free; when
the page ends, nothing is left."""

import atexit
import logging
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path

from resnet_demo.runs.locks import is_held, try_lock

log = logging.getLogger(__name__)
OLDEST_SECONDS = 3600.0
MOST_BYTES = {"public": 2**30, "own": 8 * 2**30}  # of uploads and what was made of them
EVERY_SECONDS = 60.0
FREE_BYTES = 2**30  # kept for training: under it nothing is uploaded
OURS = "resnet-demo-uploads-"  # folders of pages, among the system's temporary ones


def own_folder() -> None:
    """From here on uploads go to a folder of this process's own, not to the one that all Gradio
    programs of a machine share: no sweep takes another program's files, and no other user can read
    these. It goes when the process ends, or if it is killed at the next page's start. A
    GRADIO_TEMP_DIR that somebody has set is taken as it is."""
    if os.environ.get("GRADIO_TEMP_DIR"):
        return
    remove_left(Path(tempfile.gettempdir()))
    new = Path(tempfile.mkdtemp(prefix=f".{OURS}"))
    lock = try_lock(new / "lock")
    folder = new.rename(new.with_name(new.name[1:]))  # never to be seen without its lock
    atexit.register(lambda held: shutil.rmtree(folder, ignore_errors=True), lock)
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")


def remove_left(parent: Path) -> None:
    """Remove folders of processes that are no more."""
    for folder in parent.glob(f"{OURS}*"):
        try:
            if (folder / "lock").is_file() and not is_held(folder / "lock"):
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:  # another user's
            continue


def upload_folder() -> Path:
    """Where Gradio puts what comes in; files for a download are made there too."""
    from gradio.utils import get_upload_folder

    folder = Path(get_upload_folder())
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def has_room(more_bytes: int) -> bool:
    return shutil.disk_usage(upload_folder()).free - more_bytes >= FREE_BYTES


def sweep(
    folder: Path, oldest_seconds: float, most_bytes: int, spared: Collection[str] = ()
) -> int:
    """Remove files that are too old, then the oldest until the rest is small enough; never those
    whose paths are spared. Returns how many; what another process removes meanwhile is no matter.
    """
    files = sorted(file for file in files_below(folder) if str(file[2]) not in spared)
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


def begin(public: bool, spared: Collection[str]) -> None:
    """Sweep now and every minute, while this process lives; spared: files that the page offers."""
    most = MOST_BYTES["public" if public else "own"]

    def work() -> None:
        while True:
            removed = sweep(upload_folder(), OLDEST_SECONDS, most, spared)
            if removed:
                log.info("%d old uploads were removed.", removed)
            time.sleep(EVERY_SECONDS)

    threading.Thread(target=work, daemon=True, name="janitor").start()
