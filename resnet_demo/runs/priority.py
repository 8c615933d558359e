"""What takes long goes last: the page, and all else on the machine, first."""

import os
from contextlib import suppress
from pathlib import Path

NICE = 10  # a tenth of the time of what is not nice
OF_SESSION = Path("/proc/self/autogroup")


def give_way() -> None:
    """From here on. Linux first shares time out among sessions, where niceness of a process says
    nothing (autogroup, sched(7)): a process with a session of its own lowers that, too."""
    os.nice(NICE)
    if os.getsid(0) == os.getpid() and OF_SESSION.exists():
        with suppress(OSError):  # not allowed here, or asked too often
            OF_SESSION.write_text(str(NICE))
