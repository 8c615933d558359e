"""`classify MODEL IMAGE...`: what page, command line and API answer for each picture."""

import time
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from resnet_demo.classify.predictor import Predictor
from resnet_demo.classify.table import TOP
from resnet_demo.errors import UserError
from resnet_demo.files import Json

Read = Callable[[], np.ndarray]  # RGB pixels; raises UserError
MOST_TOP = 1000


def classify(
    predictor: Predictor, pictures: Iterable[tuple[str, Read]], top: int = TOP
) -> Iterator[Json]:
    """For each (name, read): {path, ms, top, unlike}, or {path, error} for a refused picture.

    ms: from the pixels to the probabilities, here. unlike: whether the picture is unlike all that
    the network knows; None when its file does not say how to tell. Raises UserError for a
    `top` that makes no sense.
    """
    if not 1 <= top <= MOST_TOP:
        raise UserError(f"top must lie between 1 and {MOST_TOP}. Got {top}.")
    for name, read in pictures:
        try:
            yield {"path": name, **classify_pixels(predictor, read(), top)}
        except UserError as error:
            yield {"path": name, "error": str(error)}


def classify_pixels(predictor: Predictor, pixels: np.ndarray, top: int) -> Json:
    """pixels: uint8 (H, W, 3)."""
    started = time.perf_counter()
    logits = predictor.logits(predictor.network.crop(pixels)[None])[0]
    probabilities = predictor.network.probabilities(logits)
    ms = 1000 * (time.perf_counter() - started)
    best = probabilities.topk(min(top, len(probabilities)))
    threshold, classes = predictor.network.unlike_below, predictor.network.classes
    return {
        "ms": round(ms, 2),
        "top": [
            {"class": classes[index], "index": index, "probability": probability}
            for probability, index in zip(best.values.tolist(), best.indices.tolist())
        ],
        "unlike": None if threshold is None else bool(logits.max() < threshold),
    }
