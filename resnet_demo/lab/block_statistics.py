"""What depth has done to the blocks of a lab's trained networks.

Response std: He et al. 2015, Fig. 7. Distance from identity: how far a block's output is from what
its shortcut carries (section 3.1: residual functions of deep networks are close to zero).
"""

from collections.abc import Generator, Iterator

import torch
from torch import Tensor

from resnet_demo import device
from resnet_demo.config import Home
from resnet_demo.evaluate.sample import sample
from resnet_demo.files import Json
from resnet_demo.lab.store import Lab, unmeasured
from resnet_demo.models import reference
from resnet_demo.probe.anatomy import Step, anatomy, walk
from resnet_demo.progress import Progress
from resnet_demo.runs import measurements

PICTURES = 128  # of the validation pictures


def measure_blocks(home: Home, lab: Lab) -> Generator[Progress, None, None]:
    """Write `blocks.json` into the folder of every finished run that has none."""
    missing = unmeasured(home, lab)
    images = None
    for done, run in enumerate(missing):
        yield "Measuring blocks", done, len(missing)
        device.prepare()
        network = reference.ready(f"run:{run}@last", home)
        if images is None:  # the same for all: they differ in `arch` and `seed` only
            pictures = yield from sample(network, f"run:{run}", lab.data, home, PICTURES)
            images = pictures.images()
        blocks = list(measures(network.model, images))
        measurements.write(home, run, measurements.BLOCKS, {"n": len(images), "blocks": blocks})


def measures(model: torch.nn.Module, images: Tensor) -> Iterator[Json]:
    """images: normalised (B, 3, px, px)."""
    with torch.inference_mode():
        before = None
        for step in walk(anatomy(model), images):
            if before is not None:
                distance = from_identity(step, before)
                yield {"name": step.name, "response_std": step.responses, "distance": distance}
            before = step.out


def from_identity(step: Step, before: Tensor) -> float | None:
    """||out - x|| / ||x||, x being what the shortcut carries; of a plain block what goes in. None
    where a plain block changes the shape."""
    x = before if step.shortcut is None else step.shortcut
    if x.shape != step.out.shape:
        return None
    return float((step.out - x).norm() / x.norm())
