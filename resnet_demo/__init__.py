"""ResNet Demo: train a residual network, use it, take it apart.

Imports go down only: {ui, cli, notebook} -> charts -> lab -> runs -> {evaluate, export} ->
{probe, classify} -> training -> {models, data} -> images -> the ground. Only ui/ and app.py
import gradio.
"""

import importlib
import os
import sys
from typing import TYPE_CHECKING, Any

if sys.version_info < (3, 11, 4):  # pip install -r does not look at pyproject.toml
    sys.exit(f"ResNet Demo needs Python 3.11.4 or newer; this is {sys.version.split()[0]}.")
if sys.platform == "win32":  # runs are locked as Unix locks files
    sys.exit("ResNet Demo needs Linux or macOS. On Windows, start it within WSL, which is Linux.")

os.environ.setdefault("PYTORCH_ENABLE_MPS_FALLBACK", "1")  # what a Mac's GPU lacks, its CPU does

if TYPE_CHECKING:
    from resnet_demo.notebook import accuracy, inspect, load, predict, save, train

__all__ = ["accuracy", "inspect", "load", "predict", "save", "train"]


def __getattr__(name: str) -> Any:
    """The names of `notebook`, which is imported when one is asked for: the page and the command
    line start without torch."""
    if name not in __all__:
        raise AttributeError(f"module 'resnet_demo' has no attribute '{name}'")
    return getattr(importlib.import_module("resnet_demo.notebook"), name)
