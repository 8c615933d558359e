"""The lock, not a pid, says that a run is alive: the kernel drops it with the process.

flock itself and not a library's lock: who only looks takes it shared, so that two who look at the
same moment never take each other for a worker.
"""

import fcntl
import time
from pathlib import Path
from typing import IO


def try_lock(path: Path, patience: float = 0.0) -> IO[str] | None:
    """The open file that holds the lock until closed; None when somebody else holds it.

    patience: seconds to go on trying, since `is_held` holds a lock for an instant.
    """
    file = path.open("a")
    deadline = time.monotonic() + patience
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return file
        except BlockingIOError:
            if time.monotonic() >= deadline:
                file.close()
                return None
            time.sleep(0.02)


def is_held(path: Path) -> bool:
    try:
        with path.open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            return False
    except BlockingIOError:
        return True
    except FileNotFoundError:
        return False
