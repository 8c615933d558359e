"""Room on the disk for caches, of pixels for the most part. They can be made again, to the same
bytes: those that nobody has used for a month go, and where the disk lacks room, those that were
used longest ago."""

import logging
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path

log = logging.getLogger(__name__)
KEPT_SECONDS = 30 * 86400.0
BUSY_SECONDS = 3600.0  # one that was used since may be in the midst of being opened
# Suffixes of caches, and of the notes beside them.
NOTES = {".npy": ".json", ".npz": ".json", ".partial": ".partial-notes"}
SPARE_BYTES = 2**30  # left free for checkpoints


def note_use(notes: Path) -> None:
    """By the time of a cache's notes: that of its pixels belongs to their check."""
    with suppress(OSError):  # it is not there yet, or the home cannot be written to
        os.utime(notes)


def make_room(caches: Path, needed: int) -> int:
    """Remove what is too old, and what it takes to write `needed` bytes; returns how many caches.
    Whoever reads one that goes keeps it open, and the system frees its bytes later."""
    removed = 0
    for used, files in sorted(caches_in(caches)):
        idle = time.time() - used
        lacking = shutil.disk_usage(caches).free < needed + SPARE_BYTES
        if idle > KEPT_SECONDS or (lacking and idle > BUSY_SECONDS):
            for path in files:
                with suppress(OSError):  # another process was first, or it is another user's
                    path.unlink()
            removed += 1
    if removed:
        log.info("%d picture caches were removed; they are made again when needed.", removed)
    return removed


def caches_in(folder: Path) -> list[tuple[float, list[Path]]]:
    """(when it was last used, its pixels and their notes) of each, a build that was killed too."""
    found = []
    for pixels in folder.iterdir():
        if pixels.suffix in NOTES:
            files = [pixels, pixels.with_suffix(NOTES[pixels.suffix])]
            with suppress(FileNotFoundError):  # another process removes it
                times = [path.stat().st_mtime for path in files if path.exists()]
                found.append((max(times, default=0.0), files))
    return found
