"""The run of the network that ships with the program: looked at like any other, never steered.

`scripts/ship` makes it. Commands that change a run look for it among the home's and find none.
"""

from resnet_demo.config import CHECKPOINTS, Home
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs import control

SHIPPED = "shipped"  # its name, and that of its folder among the checkpoints


def shipped_run() -> RunFolder | None:
    """None where the program came without it."""
    folders = [RunFolder(place / SHIPPED) for place in CHECKPOINTS]
    return next((folder for folder in folders if folder.store.is_file()), None)


def place_of(home: Home, run: str) -> RunFolder:
    """Where a run is or would be."""
    return (shipped_run() if run == SHIPPED else None) or home.run(run)


def readable_folder(home: Home, run: str) -> RunFolder:
    """Of a run to look at: one of the home's, or the shipped one. Raises UserError when there is
    none."""
    return (shipped_run() if run == SHIPPED else None) or control.run_folder(home, run)
