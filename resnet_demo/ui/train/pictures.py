"""My pictures: what a person drops becomes `dataset:NAME`, ready in the form."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from resnet_demo.config import BUNDLED, Home, size_of
from resnet_demo.data.importing import import_files
from resnet_demo.data.labels import FOLDERS, PREFIX, TABLE
from resnet_demo.data.library import names_of
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.refs import DATA
from resnet_demo.templates import render
from resnet_demo.ui.access import may_steer, require_steering
from resnet_demo.ui.errors import friendly
from resnet_demo.ui.train import correcting
from resnet_demo.ui.train.form import HEAD_FIELDS, OWN, Form, fill_in_head

HOW = (
    "Drop a ZIP or TAR with a folder for each class, or one for each class; or pictures of one "
    "class, and say which. Drop again to add more."
)
LABELS = [
    ("in the folders' names", FOLDERS),
    ("in the pictures' names, as cat_001.jpg", PREFIX),
    ("in a table among them, FILE.csv with file,label", TABLE),
]


def take_in(home: Home, name: str, files: list[str], label: str, labels: str) -> Json:
    """Files that were uploaded -> Library.table() with {added, sentence}. label: the class of
    loose pictures; empty where folders or names tell it. Raises UserError."""
    if not files:
        raise UserError(f"There is nothing to take in yet. {HOW}")
    require_one_of("labels", labels, (FOLDERS, PREFIX, TABLE))  # FILE.csv would be the server's
    paths = [Path(path) for path in files]
    inside = f"{label.strip()}/" if label.strip() else ""
    named = [(path, f"{inside}{path.name}") for path in paths]
    work = import_files(home, name.strip(), named, labels)
    return end_of(work)


def known_data(home: Home, owner: bool) -> list[str]:
    """What the form offers; names of own data sets are nobody else's business."""
    own = [f"dataset:{name}" for name in names_of(home)] if owner else []
    return [*DATA, *own]


def offering(home: Home) -> Callable[[gr.Request], gr.Dropdown]:
    """For whoever opens the page: what `known_data` says."""

    def offer(request: gr.Request) -> gr.Dropdown:
        return gr.Dropdown(choices=known_data(home, may_steer(request)))

    return offer


def end_of(work: Any) -> Json:
    """Of long work, with Gradio's bar."""
    bar = gr.Progress()
    while True:
        try:
            what, done, total = next(work)
        except StopIteration as end:
            return end.value
        bar((done, total or None), desc=what)


def build(home: Home, form: Form, token: Component) -> None:
    """Lay it out and wire it: afterwards the form names the pictures, a network that has learned
    already, and its classifier alone."""
    with gr.Accordion("My pictures", open=False, elem_id="my-pictures"):
        gr.Markdown(HOW)
        name = gr.Textbox("mine", label="Name of the data set")
        files = gr.File(
            file_count="multiple", label="A folder, ZIP, TAR or pictures", elem_id="my-files"
        )
        gr.HTML(render("ui/train/camera.html"), apply_default_css=False)
        label = gr.Textbox("", label="Class of loose pictures", placeholder="cat")
        labels = gr.Radio(LABELS, value=FOLDERS, label="The classes are")
        take = gr.Button("Take them in", elem_id="take-in")
        table = gr.HTML("", elem_id="my-table")
        with gr.Accordion("Correct what was taken in", open=False):
            correcting.build(home, name, table, token)

    @friendly
    def begin(
        name: str, files: list[str] | None, label: str, labels: str, token: str,
        request: gr.Request,
    ) -> list[Any]:  # fmt: skip
        require_steering(request, token)
        answer = take_in(home, name, files or [], label, labels)
        data = gr.Dropdown(known_data(home, owner=True), value=answer["data"])
        return [correcting.table(answer), None, data]

    taken = take.click(
        begin, [name, files, label, labels, token], [table, files, form.widgets["data"]],
        concurrency_limit=1, api_visibility="private",
    )  # fmt: skip
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    gr.on(None, offering(home), None, form.widgets["data"], **quiet)
    names = ("init", "freeze", "depth", *HEAD_FIELDS)
    wanted = [form.preset, *(form.widgets[name] for name in names)]
    settings = fill_in_head("backbone", "bundled", "")[2:]
    chosen = [OWN, "bundled", "backbone", size_of(BUNDLED), *settings]
    taken.success(lambda: chosen, None, wanted, **quiet)
