"""The Inspect tab: a picture and two networks on the left, the panel that takes them apart."""

import json
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.ui import assets
from resnet_demo.ui.access import featured
from resnet_demo.ui.errors import answering
from resnet_demo.ui.examples import examples
from resnet_demo.ui.inspect.experiments import code, dim, early, field, paths
from resnet_demo.ui.inspect.long_work import progress, stop, work
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import BUNDLED, Classifier
from resnet_demo.ui.upload import Upload

ANSWERS = ("look", "deeper", "block", "channel", "cut", "files")
ACTIONS = (dim, paths, early, field, code, work, progress, stop)
SHOW_JS = "(asked) => { window.dispatchEvent(new CustomEvent('resnet-inspect', {detail: asked})); }"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class Widgets(NamedTuple):
    """What the page connects to other tabs."""

    model: gr.Dropdown
    other: gr.Dropdown
    picture: Component
    inspector: Inspector  # answers programs too


def build(home: Home, classifier: Classifier, tab: gr.Tab) -> Widgets:
    """Lay out the tab and wire it."""
    inspector = Inspector(home, classifier)
    called, files = examples(home)
    with gr.Row():
        with gr.Column(scale=1, min_width=260):
            picture = Upload(
                label="Picture", sources=["upload", "clipboard", "webcam"], type="filepath",
                height=240, elem_id="inspect-picture", buttons=[],
                value=str(files[len(files) // 2]),
            )  # fmt: skip
            shown, beside = (featured(), None) if featured() else BUNDLED[1:]
            model = network(classifier, shown, "Network", "inspect-model")
            other = network(classifier, beside, "Beside it", "inspect-other")
            gr.Examples(
                [[str(path)] for path in files], [picture], label=called,
                api_visibility="private",
            )  # fmt: skip
            question_box = gr.Textbox(visible=False)
        with gr.Column(scale=4, min_width=300):
            panel(inspector)
    ask = partial(question, inspector)
    # nothing is loaded before the tab is opened
    changed = [tab.select, picture.input, picture.change, model.input, model.change, other.input]
    gr.on(
        changed, ask, [picture, model, other], question_box, trigger_mode="always_last", **QUIET
    ).success(None, question_box, None, js=SHOW_JS, api_visibility="private")
    return Widgets(model, other, picture, inspector)


def network(classifier: Classifier, value: str | None, label: str, name: str) -> gr.Dropdown:
    widget = gr.Dropdown(
        [*BUNDLED, *filter(None, [featured()])], value=value, label=label,
        allow_custom_value=True, elem_id=name,
    )  # fmt: skip
    widget.focus(lambda: gr.Dropdown(choices=classifier.models()), None, widget, **QUIET)
    return widget


def question(inspector: Inspector, path: Path | None, model: str | None, other: str | None) -> str:
    """What the panel is to show, as JSON: the picture's key and the two networks."""
    wanted: Json = {"picture": None, "model": model or "", "other": other or None}
    try:
        wanted["picture"] = inspector.put(path) if path else None
    except UserError as error:
        wanted["told"] = str(error)
    return json.dumps(wanted)


def panel(inspector: Inspector) -> gr.HTML:
    actions = [(name, getattr(inspector, name)) for name in ANSWERS]
    actions += [(act.__name__, partial(act, inspector)) for act in ACTIONS]
    return gr.HTML(
        value=None,
        html_template=assets.read("inspect/panel.html"),
        js_on_load=assets.panel("inspect/panel.js"),
        server_functions=[answering(name, InspectRequest, act) for name, act in actions],
        apply_default_css=False,
        padding=False,
        elem_id="inspect",
    )
