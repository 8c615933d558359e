"""Take the network with you: a file that other programs open, and the lines that open it."""

import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
from gradio.components import Component

from resnet_demo.config import Home
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json
from resnet_demo.refs import ModelRef
from resnet_demo.runs import subprocess_measurement
from resnet_demo.ui.access import is_public, require_steering
from resnet_demo.ui.errors import friendly
from resnet_demo.ui.janitor import has_room, upload_folder

FORMATS = {
    "safetensors": "safetensors: weights by torchvision's names",
    "timm": "timm: a folder for timm.create_model, zipped",
    "onnx": "ONNX: for ONNX Runtime, browsers and phones",
}
ROOM_BYTES = 2**30  # for the largest of timm's ResNets in two copies
HOW = "It is opened again and compared with the network here before you get it."


def exported(
    home: Home, model: str, format: str, request: gr.Request | None, token: str
) -> tuple[Path, Json]:
    """A file to download, and the JSON of the command `export`. Raises UserError; visitors of a
    public page take what ships with the program, its owner any network."""
    require_one_of("format", format, tuple(FORMATS))
    if is_public() and ModelRef.parse(model).kind != "bundled":
        require_steering(request, token)
    if not has_room(ROOM_BYTES):
        raise UserError("The disk is too full to write this network. Make room first.")
    folder = Path(tempfile.mkdtemp(dir=upload_folder()))  # swept with the uploads
    name = re.sub("[^A-Za-z0-9.@]+", "-", model.rsplit("/")[-1]).strip("-")[-60:]
    out = folder / (name if format == "timm" else f"{name}.{format}")
    answer = subprocess_measurement.export(home, model, format, out)
    if format == "timm":
        out = Path(shutil.make_archive(str(out), "zip", folder, out.name))
    del answer["path"]  # gradio_client would take it for a file to fetch
    return out, answer | {"name": out.name}


def build(home: Home, model: gr.Dropdown, token: Component) -> None:
    """Lay out and wire it below the network that `model` chooses."""
    with gr.Accordion("Take this network with you", open=False, elem_id="takeaway"):
        gr.Markdown(HOW)
        choices = [(says, name) for name, says in FORMATS.items()]
        format = gr.Radio(choices, value="safetensors", label="Format", elem_id="takeaway-format")
        prepare = gr.Button("Write the file", size="sm", elem_id="takeaway-write")
        said = gr.Markdown("", elem_id="takeaway-said")
        download = gr.DownloadButton("Download", visible=False, elem_id="takeaway-download")
        code = gr.Code("", language="python", label="How to open it", visible=False)

    @friendly
    def write(chosen: str, kind: str, secret: str, request: gr.Request) -> tuple[Any, ...]:
        path, answer = exported(home, (chosen or "").strip(), kind, request, secret)
        return (
            sentence(answer),
            gr.DownloadButton(f"Download {path.name}", value=str(path), visible=True),
            gr.Code(answer["snippet"], visible=True),
        )

    forget: Callable[[], tuple[Any, ...]] = lambda: (  # noqa: E731 - a file is of one network
        "", gr.DownloadButton(visible=False), gr.Code(visible=False),
    )  # fmt: skip
    shown = [said, download, code]
    gr.on([model.change, format.change], forget, None, shown, api_visibility="private")
    prepare.click(
        write, [model, format, token], shown, concurrency_limit=1, api_visibility="private"
    )


def sentence(answer: Json) -> str:
    off = answer["max_difference"]
    same = f"logits differ by at most {off:.1g}" if off else "logits are the same bit for bit"
    return (
        f"{answer['name']}, {answer['bytes'] / 1e6:.1f} MB. Opened again and compared on "
        f"{answer['n']} pictures: {same}."
    )
