"""Measurements of a trained network, kept in its run's folder. Imports no torch."""

import json

from resnet_demo.config import Home
from resnet_demo.files import Json, write_json
from resnet_demo.runs import control

BLOCKS = "blocks.json"  # {n, blocks: [{name, response_std: [one a 3x3 layer], distance}]}
LANDSCAPE = "landscape.json"  # {run, arch, n, side, reach, losses[row][column]}, row by row


def read(home: Home, run: str, name: str) -> Json | None:
    """None before anything was measured, or when the run was trained further since."""
    path = control.run_folder(home, run).path / name
    values = json.loads(path.read_text()) if path.is_file() else {}
    return values if values.get("sha256") == weights_of(home, run) else None


def write(home: Home, run: str, name: str, values: Json) -> None:
    write_json(
        control.run_folder(home, run).path / name, values | {"sha256": weights_of(home, run)}
    )


def weights_of(home: Home, run: str) -> str:
    """The digest of a finished run's weights; empty before the end."""
    path = control.run_folder(home, run).report
    return json.loads(path.read_text())["sha256"] if path.is_file() else ""
