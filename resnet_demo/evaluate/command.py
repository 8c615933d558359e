"""`evaluate MODEL --data DATA`."""

from collections.abc import Generator

from resnet_demo.config import Home, Progress, UserError
from resnet_demo.data import open_data
from resnet_demo.data.pixels import cached_pixels
from resnet_demo.evaluate.report import all_logits, report
from resnet_demo.models import sources
from resnet_demo.training import machine


def evaluate(model: str, data: str, home: Home) -> Generator[Progress, None, dict[str, object]]:
    """Return the JSON of `evaluate`.

    Raises UserError when the network and the pictures have different classes.
    """
    network = sources.load(model, home)
    machine.prepare()
    pictures = yield from open_data(data, home)
    if network.classes != pictures.classes:
        raise UserError(
            f"{model} knows {len(network.classes)} classes ({network.classes[0]} ...), {data} has "
            f"{len(pictures.classes)} ({pictures.classes[0]} ...): they must be the same."
        )
    pixels = yield from cached_pixels(pictures.val, network.px, home.caches)
    outputs = yield from all_logits(network.model, pixels, machine.device())
    return {"model": model, "data": data, "split": "val", **report(*outputs, network.classes)}
