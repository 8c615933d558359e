"""Measurements of a trained network, kept in its run's folder. Imports no torch."""

import json

from resnet_demo.config import Home
from resnet_demo.files import write_whole
from resnet_demo.runs import control

BLOCKS = "blocks.json"  # {n, blocks: [{name, response_std: [one a 3x3 layer], distance}]}
LANDSCAPE = "landscape.json"  # {run, arch, n, side, reach, losses[row][column]}, row by row


def read(home: Home, run: str, name: str) -> dict[str, object] | None:
    """None before anything was measured."""
    path = control.run_dir(home, run) / name
    return json.loads(path.read_text()) if path.is_file() else None


def write(home: Home, run: str, name: str, found: dict[str, object]) -> None:
    data = json.dumps(found).encode()
    write_whole(control.run_dir(home, run) / name, lambda file: file.write(data))
