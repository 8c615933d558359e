"""A mistake that a user can mend becomes a sentence, and a bug one that says where to look."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.files import plain
from resnet_demo.ui.access import OWNER, address_of, may_steer, without_paths
from resnet_demo.ui.requests import as_dict

log = logging.getLogger(__name__)
FAILED = "This went wrong on the server, and not by your doing; its log says more."


def friendly(callback: Callable) -> Callable:
    """For events and programs: show a UserError as a notice. Bugs go to the log."""

    @functools.wraps(callback)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return plain(callback(*args, **kwargs))
        except gr.Error:
            raise
        except Exception as error:
            raise gr.Error(sentence(error), title="Not done", print_exception=False) from error

    return wrapped


def json_or_error(action: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """For a panel's functions: the answer, or {"error": sentence}; never an exception."""
    try:
        return plain(action())
    except Exception as error:
        return {"error": sentence(error)}


def answering(name: str, action: Callable[[dict], dict]) -> Callable[[dict], dict]:
    """As one of Gradio's server functions, which are known by their names."""

    def answer(asked: dict, request: gr.Request) -> dict:
        given = as_dict(asked)
        return json_or_error(lambda: action(given | {"visitor": visitor_of(request, given)}))

    answer.__name__ = name
    return answer


def visitor_of(request: gr.Request | None, asked: dict) -> str:
    """Who has places of his own among those who measure: the owner, or an address."""
    if may_steer(request, str(asked.get("token") or "")):
        return OWNER
    return address_of(request)


def sentence(error: Exception) -> str:
    """What a person is told of it: no path of the server where strangers look, nothing that is no
    text."""
    if isinstance(error, UserError):
        return plain(without_paths(str(error)))
    log.exception("A function of the page failed.", exc_info=error)
    return FAILED


def quietly(measure: Callable) -> Callable:
    """For measurements that nobody asked for: no answer instead of a refusal."""

    @functools.wraps(measure)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return measure(*args, **kwargs)
        except gr.Error:
            return ""

    return wrapped
