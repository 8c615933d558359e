"""One picture through a run's epochs: what each of them says and where it looks, as a GIF."""

import io
from collections.abc import Callable, Generator

import numpy as np
from PIL import Image, ImageDraw

from resnet_demo.models.network import Network
from resnet_demo.palette import colour
from resnet_demo.probe.cam import overlay
from resnet_demo.probe.inspection import Inspection, inspect_forward
from resnet_demo.progress import Progress

SIDE, TEXT, BARS = 256, 44, 100  # px: picture, lines of text, bars
FRAME_MS = 600


def gif(
    epochs: list[int], load: Callable[[int], Network], pixels: np.ndarray, target: str | int | None
) -> Generator[Progress, None, bytes]:
    """A frame an epoch: Grad-CAM of the last block, the class with its probability, and a bar a
    block of the relative gradient norm, on a log scale that all frames share."""
    if target is None:  # one class for all frames: the last epoch's
        target = inspect_forward(load(epochs[-1]), pixels).record["target"]
    pictures, norms = [], []
    for done, epoch in enumerate(epochs):
        yield "Looking through the epochs", done, len(epochs)
        inspection = inspect_forward(load(epoch), pixels, target)
        pictures.append(top(epoch, inspection))
        norms.append([row["relative_grad_norm"] for row in inspection.record["blocks"]])
    frames = [
        frame(picture, heights) for picture, heights in zip(pictures, scaled(np.array(norms)))
    ]
    data = io.BytesIO()
    frames[0].save(data, "GIF", save_all=True, append_images=frames[1:], duration=FRAME_MS, loop=0)
    return data.getvalue()


def scaled(norms: np.ndarray) -> np.ndarray:
    """Logarithms in 0..1."""
    logs = np.log(np.maximum(norms, 1e-12))
    low, high = logs.min(), logs.max()
    return (logs - low) / max(high - low, 1e-12)


def top(epoch: int, inspection: Inspection) -> Image.Image:
    """The picture with its heat map, and the text."""
    page = Image.new("RGB", (SIDE, SIDE + TEXT + BARS), "white")
    last = list(inspection.cams.values())[-1]
    heat = Image.fromarray(overlay(inspection.seen, last)).resize(
        (SIDE, SIDE), Image.Resampling.BICUBIC
    )
    page.paste(heat, (0, 0))
    draw = ImageDraw.Draw(page)
    probability = 100 * inspection.record["probability"]
    draw.text(
        (4, SIDE + 4), f"epoch {epoch}: {inspection.record['class']} {probability:.1f} %", "black"
    )
    draw.text((4, SIDE + 24), "gradient over weight norm, stem to last block (log)", "black")
    return page


def frame(page: Image.Image, heights: np.ndarray) -> Image.Image:
    """With the bars."""
    draw = ImageDraw.Draw(page)
    width = SIDE / len(heights)
    for index, height in enumerate(heights):
        box = [index * width + 1, SIDE + TEXT + (1 - height) * (BARS - 4)]
        draw.rectangle(
            [*box, (index + 1) * width - 1, SIDE + TEXT + BARS], fill=colour("residual-1", False)
        )
    return page
