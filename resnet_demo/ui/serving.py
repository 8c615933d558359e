"""What the Classify tab and its API share: one pool of decoders, one set of ready networks."""

import base64
import functools
import io
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from resnet_demo.cache import kept
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.images.decoder import Decoders
from resnet_demo.progress import Progress, finish
from resnet_demo.runs import control
from resnet_demo.ui import zero_gpu
from resnet_demo.ui.access import PUBLIC_TIMM, check_model, featured

if TYPE_CHECKING:
    from resnet_demo.classify.predictor import Predictors

BUNDLED = ("bundled", "bundled:resnet56", "bundled:plain56")
MOST_PICTURES = 500
MANY = 32  # pictures from which ZeroGPU's start pays, and what it does a second: guesses
KEPT_BYTES = 256 * 2**20  # of decoded pictures
GONE = "This picture is no longer here: what is uploaded is kept for an hour. Give it again."
PAGE_THREADS = 1  # training has the cores, and a fork of a page with more hangs (ZeroGPU)


class Classifier:
    """Imports torch at the first picture, after the page is served."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self.decoders = Decoders()
        self.pixels: Callable[[Path], np.ndarray] = kept(
            self.decoded, lambda pixels: pixels.nbytes, KEPT_BYTES
        )  # an upload's path holds its digest

    @functools.cached_property
    def predictors(self) -> "Predictors":
        from resnet_demo.classify.predictor import Predictors

        return Predictors(self.home, PAGE_THREADS)

    def decoded(self, path: Path) -> np.ndarray:
        """Raises UserError when it is no picture, or has been swept."""
        if not path.exists():
            raise UserError(GONE)
        return self.decoders.decode(path)

    def models(self) -> list[str]:
        """What the page offers; more can be typed."""
        runs = [f"run:{run.run}" for run in control.list_runs(self.home) if run.epoch]
        return [*filter(None, [featured()]), *BUNDLED, *runs, *PUBLIC_TIMM]

    def answers(self, paths: list[Path], reference: str, top: int) -> Iterator[Json]:
        """One a picture, as the command `classify` gives them; `path` is the picture's own name.

        Raises UserError when the network cannot be had; a refused picture is an answer.
        """
        model, taken = check_model(reference.strip()), paths[:MOST_PICTURES]
        on_gpu = zero_gpu.is_here() and len(taken) >= MANY
        yield from (self.with_gpu if on_gpu else self.classified)(taken, model, top)
        for path in paths[MOST_PICTURES:]:
            yield {"path": path.name, "error": f"At most {MOST_PICTURES} pictures at a time."}

    def classified(self, paths: list[Path], model: str, top: int) -> Iterator[Json]:
        from resnet_demo.classify.prediction import classify

        pictures = [(path.name, partial(self.pixels, path)) for path in paths]
        yield from classify(self.predictors.get(model), pictures, top)

    def with_gpu(self, paths: list[Path], model: str, top: int) -> Iterator[Json]:
        """With one that ZeroGPU lends; without, when none is to be had."""
        try:
            rows = finish(zero_gpu.answered(lent(paths, model, top, self.home)))
        except zero_gpu.NoGpu:
            rows = self.classified(paths, model, top)
        yield from rows

    def seen(self, path: Path, reference: str, target: int | None) -> tuple[np.ndarray, int | None]:
        """What the network sees of a picture: uint8 (px, px, 3), and None; with a `target`, the
        Grad-CAM of that class lies over it, and the side of that map in cells. A map of one cell
        shows nothing and is left out."""
        from resnet_demo.probe.cam import grad_cam, overlay

        network = self.predictors.network(check_model(reference.strip()))
        seen = network.crop(self.pixels(path))
        if target is None:
            return seen, None
        heat = grad_cam(network.model, network.normalise(seen[None]), target)
        return overlay(seen, heat) if heat.size > 1 else seen, max(heat.shape)


def gpu_seconds(paths: list[Path], model: str, top: int, home: Home) -> int:
    """More pictures, longer."""
    return zero_gpu.seconds_for(len(paths) / MANY)


@zero_gpu.lend(gpu_seconds)
def lent(paths: list[Path], model: str, top: int, home: Home) -> Iterator[zero_gpu.Message]:
    yield from zero_gpu.told(partial(many, paths, model, top, home))


def many(
    paths: list[Path], model: str, top: int, home: Home
) -> Generator[Progress, None, list[Json]]:
    rows = []
    for row in Classifier(home).classified(paths, model, top):
        rows.append(row)
        yield "Classifying", len(rows), len(paths)
    return rows


def data_url(pixels: np.ndarray, kind: str = "PNG") -> str:
    """For an <img>; PNG for small pictures that are looked at closely."""
    data = io.BytesIO()
    Image.fromarray(pixels).save(data, kind, quality=85)
    return f"data:image/{kind.lower()};base64," + base64.b64encode(data.getvalue()).decode()


def octets(data: bytes, kind: str = "application/octet-stream") -> str:
    return f"data:{kind};base64," + base64.b64encode(data).decode()


def thumbnail(read: Callable[[], np.ndarray], side: int = 96) -> str:
    """A small square of a picture as a data URL."""
    from resnet_demo.images.decode import square

    return data_url(square(read(), side), "JPEG")
