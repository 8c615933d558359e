"""On ZeroGPU a Space is lent a GPU for some seconds at a time, in a process forked for them.

What is measured over many pictures goes there. A single picture stays on the Space's CPU: there it
takes less time than a GPU's start, and nothing of what a visitor may have of GPUs in a day.
"""

import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

ASKED = "RESNET_DEMO_DEVICE"  # see `device`; not imported from there, that imports torch
P = ParamSpec("P")
R = TypeVar("R")


def is_here() -> bool:
    return bool(os.environ.get("SPACES_ZERO_GPU"))


def prepare() -> None:
    """Before torch is imported. Outside of functions that are lent a GPU torch says that there is
    one, and whoever uses it fails."""
    if is_here():
        import spaces  # noqa: F401 - it must come first

        os.environ[ASKED] = "cpu"


def lend(seconds: Callable[P, int]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A decorator, of functions whose arguments and results can be pickled: on ZeroGPU they run
    where there is a GPU for so many seconds; elsewhere they are left as they are."""
    if not is_here():
        return lambda function: function
    import spaces

    return spaces.GPU(duration=seconds)


def use_gpu() -> None:
    """In a function that is lent one."""
    os.environ.pop(ASKED, None)
