"""What a process allows itself before it reads what a stranger gave."""

import resource
import sys


def limit(kind: int, most: int) -> None:
    """No more than `most` of `resource.RLIMIT_...` for this process from here on, and never more
    than it was given.

    macOS refuses limits on memory (EINVAL, which Python tells as "exceeds maximum limit"): there
    the others have to do.
    """
    hard = resource.getrlimit(kind)[1]
    most = most if hard == resource.RLIM_INFINITY else min(most, hard)
    try:
        resource.setrlimit(kind, (most, most))
    except ValueError:
        if sys.platform != "darwin":
            raise
