"""The Read tab: ten steps of text, each with a figure that is computed when it comes into sight."""

import threading
from typing import TYPE_CHECKING

import gradio as gr

from resnet_demo.errors import require_one_of
from resnet_demo.files import Json
from resnet_demo.templates import render
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
    return render("ui/read/steps.html", steps=STEPS, options_of=options_of)
