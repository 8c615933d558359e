"""The Classify tab: a picture and what one network, or two side by side, think of it."""

import html
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import gradio as gr
from gradio.components import Component

from resnet_demo.classify.table import TOP, csv_text
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.templates import render
from resnet_demo.ui.access import featured
from resnet_demo.ui.classify import pushing, takeaway
from resnet_demo.ui.errors import friendly, sentence
from resnet_demo.ui.examples import examples, truth
from resnet_demo.ui.janitor import upload_folder
from resnet_demo.ui.serving import MOST_PICTURES, Classifier, data_url, thumbnail
from resnet_demo.ui.upload import Upload

NOTHING = "<p>Drop a photograph, paste one, use the camera, or choose an example below.</p>"
QUIET: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}


class Widgets(NamedTuple):
    """What the page connects to other tabs."""

    model: gr.Dropdown  # chooses the first network
    picture: Component
    inside: gr.Button


def build(home: Home, classifier: Classifier, token: Component) -> Widgets:
    """Lay out the tab and wire it."""
    called, files = examples(home)
    with gr.Row():
        with gr.Column(scale=1, min_width=300):
            picture = Upload(
                label="Picture", sources=["upload", "clipboard", "webcam"], type="filepath",
                height=320, elem_id="picture", buttons=[],
            )  # fmt: skip
            inside = gr.Button("Look inside", elem_id="look-inside", size="sm")
            look = gr.Checkbox(False, label="show where it looks (Grad-CAM)", elem_id="look")
            gr.Examples(
                [[str(path)] for path in files], [picture], label=called,
                elem_id="examples", api_visibility="private",
            )  # fmt: skip
        with gr.Column(scale=2, min_width=300):
            with gr.Row():
                first = column(classifier, featured() or "bundled", "Network", "first")
                with gr.Column(min_width=280):
                    with gr.Accordion("A second network beside it", open=False):
                        second = pair(classifier, None, "Second network", "second")
    for model, shown in (first, second):
        think = friendly(thinking(classifier))
        inputs = [picture, model, look]
        # a drop is `change` and `input`, the camera `input` alone, an example `change` alone
        changed = [picture.input, picture.change, model.input, look.input]
        gr.on(changed, think, inputs, shown, trigger_mode="always_last", api_visibility="private")
    batch(classifier, first[0])
    takeaway.build(home, first[0], token)
    pushing.build(home, first[0], token)
    return Widgets(first[0], picture, inside)


def column(classifier: Classifier, value: str | None, label: str, name: str) -> tuple:
    with gr.Column(min_width=280):
        return pair(classifier, value, label, name)


def pair(classifier: Classifier, value: str | None, label: str, name: str) -> tuple:
    """Which network, and what it thinks."""
    model = gr.Dropdown(
        [featured() or "bundled"], value=value, label=label, allow_custom_value=True,
        elem_id=f"model-{name}",
        info="bundled, run:ID, timm:NAME, hub:USER/REPO or file:PATH",
    )  # fmt: skip
    model.focus(lambda: gr.Dropdown(choices=classifier.models()), None, model, **QUIET)
    return model, gr.HTML(
        NOTHING if value else "", elem_id=f"opinion-{name}", apply_default_css=False
    )


# --- one picture -------------------------------------------------------------------------------


def thinking(classifier: Classifier) -> Callable[..., str]:
    def think(
        path: Path | None,
        reference: str | None,
        look: bool,
        progress: gr.Progress = gr.Progress(track_tqdm=True),  # noqa: B008 - shows huggingface_hub's downloads
    ) -> str:
        try:
            return opinion(classifier, path, reference, look)
        except UserError as error:  # in place of the last picture's answer
            return f'<p class="refusal" role="alert">{html.escape(sentence(error))}</p>'

    return think


def opinion(classifier: Classifier, path: Path | None, reference: str | None, look: bool) -> str:
    """What a network thinks of a picture, as HTML."""
    if not reference:
        return ""
    if path is None:
        return NOTHING
    (answer,) = classifier.answers([path], reference, TOP)
    if "error" in answer:
        raise UserError(answer["error"])
    network = classifier.predictors.get(reference.strip()).network
    best = answer["top"][0]
    pixels, side = classifier.seen(path, reference, best["index"] if look else None)
    return render(
        "ui/classify/opinion.html",
        **answer,
        truth=truth(path.name),
        classes=len(network.classes),
        temperature=network.temperature,
        px=network.px,
        seen=data_url(pixels),
        caption=caption_of(best["class"], side),
    )


def caption_of(best: str, side: int | None) -> str:
    """side: of the heat map over the picture; None when there is none."""
    if side is None:
        return "what the network sees"
    if side == 1:
        return (
            "no heat map: the last block's map is 1 x 1, the whole picture in one place. Larger "
            "pictures leave it places to look at"
        )
    return f"where it looks for {best}: red most"


# --- many pictures -----------------------------------------------------------------------------


def batch(classifier: Classifier, model: gr.Dropdown) -> None:
    """Hundreds at once: a table with thumbnails, and a CSV file."""
    with gr.Accordion(f"Several pictures (up to {MOST_PICTURES})", open=False, elem_id="batch"):
        files = gr.File(label="Pictures", file_count="multiple", elem_id="batch-files", height=140)
        with gr.Row():
            run = gr.Button("Classify all", elem_id="batch-run")
            stop = gr.Button("Stop", elem_id="batch-stop", interactive=False)
        table = gr.HTML(
            "<p>Give several pictures; each gets a row here.</p>",
            elem_id="batch-table",
            apply_default_css=False,
        )
        download = gr.DownloadButton("Download CSV", interactive=False, elem_id="batch-csv")
    stopping: dict[str, threading.Event] = {}  # of who classifies now, or waits to

    def begin(request: gr.Request) -> tuple[gr.Button, gr.Button]:
        stopping[request.session_hash or ""] = threading.Event()
        return gr.Button(interactive=False), gr.Button(interactive=True)

    def end() -> tuple[gr.Button, gr.Button]:
        return gr.Button(interactive=True), gr.Button(interactive=False)

    def stop_it(request: gr.Request) -> gr.Button:
        if (session := request.session_hash or "") in stopping:
            stopping[session].set()
        return gr.Button(interactive=False)

    classify_all = friendly(classifying_all(classifier, stopping))
    begun = run.click(begin, None, [run, stop], queue=False, **QUIET)
    done = begun.then(classify_all, [files, model], [table, download], api_visibility="private")
    for ended in (done.success, done.failure):  # `then` does not come after a failure
        ended(end, None, [run, stop], queue=False, **QUIET)
    stop.click(stop_it, None, stop, queue=False, **QUIET)


def classifying_all(
    classifier: Classifier, stopping: dict[str, threading.Event]
) -> Callable[..., tuple[str, Any]]:
    def classify_all(
        paths: list[str] | None,
        reference: str,
        request: gr.Request,
        progress: gr.Progress = gr.Progress(),  # noqa: B008
    ) -> tuple[str, Any]:
        session, rows, small = request.session_hash or "", [], []
        cancelled = stopping.setdefault(session, threading.Event())
        try:
            if not paths:
                raise UserError("There are no pictures. Drop some, or browse for them.")
            given = [Path(path) for path in paths]
            for row, path in zip(classifier.answers(given, reference or "", TOP), given):
                rows.append(row)
                small.append(small_picture(classifier, row, path))  # its pixels are still here
                progress((len(rows), len(paths)), desc="Classifying", unit="pictures")
                if cancelled.is_set():
                    break
        finally:
            stopping.pop(session, None)
        shown = table_of(rows, small, left=len(paths) - len(rows))
        return shown, gr.DownloadButton(value=csv_file(rows), interactive=True)

    return classify_all


def small_picture(classifier: Classifier, row: dict[str, Any], path: Path) -> str:
    """A data URL; empty for a picture that was refused, or has gone since."""
    if "error" not in row:
        with suppress(UserError):
            return thumbnail(partial(classifier.pixels, path))
    return ""


def table_of(rows: list[dict[str, Any]], small: list[str], left: int) -> str:
    """small: a picture for each row; left: pictures that were not looked at."""
    refused = sum("error" in row for row in rows)
    pairs = list(zip(rows, small))
    return render("ui/classify/batch.html", rows=pairs, refused=refused, left=left)


def csv_file(rows: list[dict[str, Any]]) -> str:
    """One line a picture; the five best classes with their probabilities."""
    folder = Path(tempfile.mkdtemp(dir=upload_folder()))  # swept with the uploads
    path = folder / "pictures.csv"
    path.write_text(csv_text(rows))
    return str(path)
