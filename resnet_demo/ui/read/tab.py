"""The Read tab: ten steps of text, each with a figure that is computed when it comes into sight."""

import html
import threading
from typing import TYPE_CHECKING

import gradio as gr

from resnet_demo.errors import require_one_of
from resnet_demo.files import Json
from resnet_demo.ui import assets
from resnet_demo.ui.errors import answering
from resnet_demo.ui.head import blocks_of_shipped
from resnet_demo.ui.read.steps import STEPS, Options, Step
from resnet_demo.ui.requests import ReadRequest
from resnet_demo.ui.serving import Classifier

if TYPE_CHECKING:
    from resnet_demo.models.network import Network

BUSY = "Another figure is being computed. It comes in a moment."


class Reader:
    """Computes figures, each once: the choices are few."""

    def __init__(self, classifier: Classifier) -> None:
        self.classifier = classifier
        self.made: dict[tuple[str, str], Json] = {}
        self.lock = threading.Lock()

    def figure(self, request: ReadRequest) -> Json:
        """Raises UserError for a step or choice that is none. Nobody waits for another's figure:
        `busy` says to ask again."""
        steps = {step.name: step for step in STEPS}
        require_one_of("step", request.step, tuple(steps))
        known = [value for value, _ in options_of(steps[request.step])]
        require_one_of("choice", request.choice, tuple(known))
        key = (request.step, request.choice)
        if key not in self.made:
            if not self.lock.acquire(blocking=False):
                return {"busy": BUSY}
            try:
                self.made[key] = self.compute(*key)
            finally:
                self.lock.release()
        return self.made[key]

    def compute(self, step: str, choice: str) -> Json:
        from resnet_demo.ui.read.figures import FIGURES  # imports torch

        return FIGURES[step](choice, self.bundled)

    def bundled(self) -> "Network":
        return self.classifier.predictors.network("bundled")


def options_of(step: Step) -> Options:
    """A step without options of its own asks for a block of the network that ships."""
    if step.options:
        return step.options
    return tuple((row["block"], row["block"]) for row in blocks_of_shipped())


def build(classifier: Classifier) -> None:
    """Lay out the tab; nothing is computed before it is opened."""
    reader = Reader(classifier)
    gr.HTML(
        value=None,
        html_template=markup(),
        js_on_load=assets.panel("read/panel.js"),
        server_functions=[answering("figure", ReadRequest, reader.figure)],
        apply_default_css=False,
        padding=False,
        elem_id="read",
    )


def markup() -> str:
    rail = "".join(dot(number, step) for number, step in enumerate(STEPS, 1))
    steps = "".join(section(number, step) for number, step in enumerate(STEPS, 1))
    return f'<div class="read"><nav class="rail" aria-label="Steps">{rail}</nav>{steps}</div>'


def dot(number: int, step: Step) -> str:
    address = f"?tab=read&amp;step={step.name}"
    title = html.escape(step.title)
    return (
        f'<a href="{address}" data-to="{step.name}" title="{title}" aria-label="{number}. {title}">'
        f"{number}</a>"
    )


def section(number: int, step: Step) -> str:
    say = {name: html.escape(getattr(step, name)) for name in ("title", "text", "control")}
    choices = "".join(
        f'<option value="{html.escape(value)}">{html.escape(label)}</option>'
        for value, label in options_of(step)
    )
    return (
        f'<section id="read-{step.name}" data-step="{step.name}"><div class="text">'
        f"<h2>{number}. {say['title']}</h2><p>{say['text']}</p>{note(step)}"
        f'<p><a href="{html.escape(step.link)}">{html.escape(step.link_text)}</a></p></div>'
        f'<figure class="card"><label>{say["control"]} <select>{choices}</select></label>'
        f'<div class="drawing"></div><figcaption aria-live="polite"></figcaption>'
        f"</figure></section>"
    )


def note(step: Step) -> str:
    if not step.article:
        return ""
    return (
        f'<p class="erratum"><b>The article says</b> {html.escape(step.article)} '
        f"<b>It is not so:</b> {html.escape(step.correction)}</p>"
    )
