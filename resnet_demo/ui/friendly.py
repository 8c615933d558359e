"""A mistake that a user can mend becomes a notice, in one place."""

import functools
from collections.abc import Callable
from typing import Any

import gradio as gr

from resnet_demo.config import UserError


def friendly(callback: Callable) -> Callable:
    """Show a UserError as a notice; real bugs reach the log."""

    @functools.wraps(callback)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return callback(*args, **kwargs)
        except UserError as error:
            raise gr.Error(str(error), title="Not done", print_exception=False) from error

    return wrapped


def quietly(measure: Callable) -> Callable:
    """For measurements that nobody asked for: no answer instead of a refusal."""

    @functools.wraps(measure)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return measure(*args, **kwargs)
        except gr.Error:
            return ""

    return wrapped
