"""A mistake that a user can mend becomes a sentence, and a bug one that says where to look."""

import functools
import logging
from collections.abc import Callable
from typing import Any

import gradio as gr

from resnet_demo.errors import UserError
from resnet_demo.files import Json, plain
from resnet_demo.ui.access import OWNER, address_of, may_steer, redact_paths
from resnet_demo.ui.requests import R, parsed

log = logging.getLogger(__name__)
ServerFunction = Callable[[Any, gr.Request], Json]
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


def json_or_error(action: Callable[[], Json]) -> Json:
    """For a panel's functions: the answer, or {"error": sentence}; never an exception."""
    try:
        return plain(action())
    except Exception as error:
        return {"error": sentence(error)}


def answering(name: str, kind: type[R], action: Callable[[R], Json]) -> ServerFunction:
    """As one of Gradio's server functions, which are known by their names: `action` answers what
    a page asks, as a `kind` of request."""

    def answer(given: Any, sender: gr.Request) -> Json:
        def act() -> Json:
            request = parsed(kind, given)
            return action(request.model_copy(update={"visitor": visitor_of(sender, request.token)}))

        return json_or_error(act)

    answer.__name__ = name
    return answer


def answering_sender(
    name: str, kind: type[R], action: Callable[[R, gr.Request], Json]
) -> ServerFunction:
    """As `answering`, for an action that must know who asks."""

    def answer(given: Any, sender: gr.Request) -> Json:
        return json_or_error(lambda: action(parsed(kind, given), sender))

    answer.__name__ = name
    return answer


def visitor_of(sender: gr.Request | None, token: str) -> str:
    """Who has places of his own among those who measure: the owner, or an address."""
    return OWNER if may_steer(sender, token) else address_of(sender)


def sentence(error: Exception) -> str:
    """What a person is told of it: no path of the server where strangers look, nothing that is no
    text."""
    if isinstance(error, UserError):
        return plain(redact_paths(str(error)))
    log.exception("A function of the page failed.", exc_info=error)
    return FAILED


def ignore_errors(measure: Callable) -> Callable:
    """For measurements that nobody asked for: no answer instead of a refusal."""

    @functools.wraps(measure)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        try:
            return measure(*args, **kwargs)
        except gr.Error:
            return ""

    return wrapped
