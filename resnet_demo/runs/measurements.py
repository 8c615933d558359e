"""Measurements of a trained network, kept in its run's folder. Imports no torch."""

from resnet_demo.config import Home
from resnet_demo.files import Json, read_json, write_json
from resnet_demo.runs import control

BLOCKS = "blocks.json"  # {n, blocks: [{name, response_std: [one a 3x3 layer], distance}]}
LANDSCAPE = "landscape.json"  # {run, arch, n, side, reach, losses[row][column]}, row by row


def read(home: Home, run: str, name: str) -> Json | None:
    """None before anything was measured, or when the run was trained further since."""
    values = read_json(control.run_folder(home, run).path / name) or {}
    return values if values.get("sha256") == weights_of(home, run) else None


def write(home: Home, run: str, name: str, values: Json) -> None:
    write_json(
        control.run_folder(home, run).path / name, values | {"sha256": weights_of(home, run)}
    )


def weights_of(home: Home, run: str) -> str:
    """The digest of a finished run's weights; empty before the end."""
    report = read_json(control.run_folder(home, run).report) or {}
    return report.get("sha256", "")
