"""This program as files, for machines that fetch it: rented ones, and Spaces."""

import importlib.metadata
import shutil
from pathlib import Path

from resnet_demo.config import CHECKPOINTS, PACKAGE


def copy_program(place: Path, networks: bool) -> None:
    """This package and what it requires, to a folder; with the networks that ship with it."""
    ignored = shutil.ignore_patterns("__pycache__", "checkpoints")
    shutil.copytree(PACKAGE, place / "resnet_demo", ignore=ignored)
    (place / "requirements.txt").write_text(requirements())
    if networks:
        there = next(path for path in CHECKPOINTS if path.is_dir())
        shutil.copytree(there, place / "checkpoints")


def requirements() -> str:
    """Of the folder that this program was started from, or of the package that pip installed."""
    if (PACKAGE.parent / "app.py").is_file():
        return (PACKAGE.parent / "requirements.txt").read_text()
    required = importlib.metadata.requires("resnet-demo") or []
    return "\n".join(line for line in required if "extra ==" not in line) + "\n"
