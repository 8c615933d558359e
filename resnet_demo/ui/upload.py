"""gr.Image that hands over the uploaded file unopened: pictures are decoded elsewhere."""

from pathlib import Path

import gradio as gr


class Upload(gr.Image):
    """Drop, browse, paste or camera; its value is the file's path."""

    __module__ = f"{__name__}.Upload"  # no file of that name: Gradio would write a stub beside it

    def get_block_name(self) -> str:
        return "image"

    def preprocess(self, payload: object) -> Path | None:
        if payload is None:
            return None
        if not getattr(payload, "path", None):
            raise gr.Error("Give a file, not an address.", print_exception=False)
        return Path(payload.path)
