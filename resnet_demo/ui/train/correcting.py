"""My pictures, looked at and put right: a class renamed, merged or removed; a picture moved."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np
from gradio.components import Component

from resnet_demo.config import Home
from resnet_demo.data.library import Library
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.images.decode import square
from resnet_demo.images.decoder import Decoders
from resnet_demo.templates import render
from resnet_demo.ui.access import require_steering
from resnet_demo.ui.errors import friendly

Decode = Callable[[Path, int], np.ndarray]  # a picture, no larger than asked -> its pixels
MOST_SHOWN = 60  # pictures of a class
SIDE = 120  # of one, in px
GREY = 128
CLASS_OF_CHOSEN = "The class of the chosen picture"
UNNAMED = "Name the class that it belongs to, or press Remove the picture."


def table(answer: Json) -> str:
    """As HTML: what was found, class by class, and what was refused."""
    return render("ui/train/found.html", **answer)


def correct(home: Home, name: str, old: str, new: str) -> Json:
    """Rename a class, merge it into another by that one's name, or remove it: an empty name."""
    library = Library(home, name.strip()).open()
    if new.strip():
        library.rename(old.strip(), new)
        return {**library.table(), "sentence": f"{old.strip()} is called {new.strip()} now."}
    library.remove_class(old.strip())
    return {**library.table(), "sentence": f"The class {old.strip()} was removed."}


def put(home: Home, name: str, digest: str, label: str) -> Json:
    """Move a picture into a class, or take it out: an empty class. Raises UserError."""
    library = Library(home, name.strip()).open()
    if not digest:
        raise UserError("Choose a picture first: press it.")
    if label:
        library.move([digest], label)
        return {**library.table(), "sentence": f"The picture is in {label} now."}
    library.remove([digest])
    return {**library.table(), "sentence": "The picture was removed."}


def pictures_of(
    home: Home, decode: Decode, name: str, label: str
) -> list[tuple[str, np.ndarray, str]]:
    """(digest, a small square, the picture's own name) of the first of a class."""
    library = Library(home, name.strip()).open()
    return [
        (digest, *small_picture(decode, library.picture(digest), called))
        for digest, called in library.pictures_of(label.strip(), MOST_SHOWN)
    ]


def small_picture(decode: Decode, path: Path, called: str) -> tuple[np.ndarray, str]:
    """A small square and its name; a grey one for a picture that cannot be read any more: it can
    still be taken out."""
    try:
        return square(decode(path, SIDE), SIDE), called
    except UserError:
        return np.full((SIDE, SIDE, 3), GREY, np.uint8), f"{called} (cannot be read)"


def build(home: Home, name: Component, table: Component, token: Component) -> None:
    """Lay it out below the table `found` of the data set `name`, and wire it."""
    old = gr.Textbox("", label="Correct a class", placeholder="ct")
    new = gr.Textbox("", label="Its right name", placeholder="empty: remove it")
    with gr.Row():
        mend = gr.Button("Correct", size="sm")
        look = gr.Button("Show its pictures", size="sm")
    gallery = gr.Gallery(
        label="Press a picture to choose it", columns=6, height=260, visible=False,
        allow_preview=False, buttons=[], elem_id="my-gallery",
    )  # fmt: skip
    # Digests and names of the pictures shown, and the digest of the one pressed. gr.State would
    # hold a connection a page.
    shown, chosen = gr.JSON([], visible=False), gr.Textbox(visible=False)
    with gr.Row(visible=False) as single:
        label = gr.Textbox("", label=CLASS_OF_CHOSEN, placeholder="cat")
        move = gr.Button("Move the picture", size="sm")
        remove = gr.Button("Remove the picture", size="sm")
    decode = Decoders().decode  # other people's pictures: never in the page's own process
    quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden"}
    mend.click(amended(home), [name, old, new, token], table, api_visibility="private")
    look.click(looked(home, decode), [name, old, token], [gallery, shown, chosen, single], **quiet)
    gallery.select(pressed, shown, [chosen, label], **quiet)
    inputs, seen = [name, old, chosen, label, token], [table, gallery, shown, chosen, label]
    move.click(putting(home, decode, named), inputs, seen, **quiet)
    remove.click(putting(home, decode, nowhere), inputs, seen, **quiet)


def seen_now(home: Home, decode: Decode, name: str, label: str) -> list[Any]:
    """Of a class: its pictures, their digests and names, and that none is chosen."""
    rows = pictures_of(home, decode, name, label)
    pictures = [(pixels, called) for _, pixels, called in rows]
    named_so = [[digest, called] for digest, _, called in rows]
    return [gr.Gallery(pictures, visible=True), named_so, ""]


def pressed(shown: list[list[str]], event: gr.SelectData) -> tuple[str, gr.Textbox]:
    """The field says which picture is chosen, once it is."""
    if event.index >= len(shown):
        return "", gr.Textbox(label=CLASS_OF_CHOSEN)
    digest, called = shown[event.index]
    return digest, gr.Textbox(label=f"The class of {called}")


def amended(home: Home) -> Callable[..., str]:
    @friendly
    def amend(name: str, old: str, new: str, token: str, request: gr.Request) -> str:
        require_steering(request, token)
        return table(correct(home, name, old, new))

    return amend


def looked(home: Home, decode: Decode) -> Callable[..., list[Any]]:
    @friendly
    def look(name: str, old: str, token: str, request: gr.Request) -> list[Any]:
        require_steering(request, token)
        return [*seen_now(home, decode, name, old), gr.Row(visible=True)]

    return look


def putting(home: Home, decode: Decode, into: Callable[[str], str]) -> Callable[..., list[Any]]:
    """into: the class that a picture goes to, of what was typed; empty: it is removed."""

    @friendly
    def put_it(
        name: str, old: str, digest: str, label: str, token: str, request: gr.Request
    ) -> list[Any]:
        require_steering(request, token)
        answer = put(home, name, digest, into(label.strip()))
        none = gr.Textbox(label=CLASS_OF_CHOSEN)
        return [table(answer), *seen_now(home, decode, name, old), none]

    return put_it


def named(label: str) -> str:
    if not label:
        raise UserError(UNNAMED)
    return label


def nowhere(_: str) -> str:
    return ""
