"""ResNet Demo: train a residual network, use it, take it apart.

Imports go down only: {ui, cli, notebook} -> charts -> lab -> runs -> {evaluate, export} ->
{probe, classify} -> training -> {models, data} -> images -> the ground. Only ui/ and app.py
import gradio.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from resnet_demo.notebook import accuracy, inspect, load, predict, save, train

__all__ = ["accuracy", "inspect", "load", "predict", "save", "train"]


def __getattr__(name: str) -> Any:
    """The names of `notebook`, which is imported when one is asked for: the page and the command
    line start without torch."""
    if name not in __all__:
        raise AttributeError(f"module 'resnet_demo' has no attribute '{name}'")
    return getattr(importlib.import_module("resnet_demo.notebook"), name)
