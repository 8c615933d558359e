"""The finished lab that ships with the program: looked at like any other, never steered.

`scripts/ship lab` makes it: a home of its own among the checkpoints, with one lab and its runs.
"""

from resnet_demo.config import CHECKPOINTS, Home
from resnet_demo.lab.store import Lab, lab_names, open_lab

SHIPPED = "shipped"  # its name, for pages


def shipped_home() -> Home | None:
    """None where the program came without it."""
    homes = [Home(place / SHIPPED / "lab") for place in CHECKPOINTS]
    return next((home for home in homes if lab_names(home)), None)


def readable_lab(home: Home, name: str) -> tuple[Home, Lab]:
    """A lab to look at and where its runs are: one of the home's, or the shipped one. Raises
    UserError when there is none."""
    shipped = shipped_home() if name == SHIPPED else None
    if shipped:
        return shipped, open_lab(shipped, lab_names(shipped)[0])
    return home, open_lab(home, name)
