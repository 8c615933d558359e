"""The head of the page: what this is, and equation 1 with a real network's numbers."""

import json

import gradio as gr

from resnet_demo.files import Json, read_json
from resnet_demo.runs.shipped import shipped_run
from resnet_demo.ui import assets


def build() -> None:
    blocks = blocks_of_shipped()
    gr.HTML(
        value=None,
        html_template=assets.read("static/head.html").replace("BLOCKS", json.dumps(blocks)),
        js_on_load=assets.panel("static/head.js"),
        apply_default_css=False,
        padding=False,
        elem_id="head",
    )


def blocks_of_shipped() -> list[Json]:
    """[{block, shortcut, branch, out}]: norms, in the mean over validation pictures; [] where no
    run ships."""
    shipped = shipped_run()
    measured = shipped and read_json(shipped.path / "blocks.json")
    return measured["blocks"] if measured else []
