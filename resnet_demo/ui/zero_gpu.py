"""On ZeroGPU a Space is lent a GPU for some seconds at a time, in a process forked for them.

What takes many passes goes there: many pictures, or a deep network block by block. A single picture
stays on the Space's CPU: there it takes less time than a GPU's start, and nothing of what a visitor
may have of GPUs in a day.
"""

import os
from collections.abc import Callable, Generator, Iterator
from typing import Any, ParamSpec, TypeVar

from resnet_demo.errors import UserError
from resnet_demo.progress import Progress

ASKED = "RESNET_DEMO_DEVICE"  # see `device`; not imported from there, that imports torch
# Guesses: no such GPU was tried. Over the most a visitor is refused.
START_SECONDS, MOST_SECONDS = 20, 120
P = ParamSpec("P")
R = TypeVar("R")
Message = tuple[str, Any]  # ("progress", Progress), ("answer", result) or ("refused", a sentence)


class NoGpu(Exception):
    """None was lent, or it was taken back; the message says why."""


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


def seconds_for(passes: float) -> int:
    """passes: a second's worth of them each."""
    return min(START_SECONDS + int(passes), MOST_SECONDS)


def told(begin: Callable[[], Generator[Progress, None, Any]]) -> Iterator[Message]:
    """Long work in a function that is lent a GPU, as what passes between two processes. begin:
    what starts it; it may load networks, which then go to the GPU. Gradients are not for it: torch
    starts threads for them once, for the devices that it sees then, and the page sees no GPU."""
    os.environ.pop(ASKED, None)
    try:
        work = begin()
        while True:
            yield "progress", next(work)
    except StopIteration as end:
        yield "answer", end.value
    except UserError as error:
        yield "refused", str(error)


def answered(messages: Iterator[Message]) -> Generator[Progress, None, Any]:
    """Raises UserError as the work in the other process did, and NoGpu."""
    last: Message = ("refused", "The GPU was taken back before the end. Ask for fewer pictures.")
    try:
        for message in messages:  # to their end, when the GPU is given back
            if message[0] == "progress":
                yield message[1]
            else:
                last = message
    except Exception as error:  # a visitor's time is over (gr.Error), or the service fails (any)
        raise NoGpu(str(getattr(error, "message", error))) from error
    what, value = last
    if what == "refused":
        raise UserError(value)
    return value
