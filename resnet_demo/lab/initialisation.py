"""`lab initialisation`: the gradient-by-depth panel, before any training."""

from collections.abc import Generator

import numpy as np
import torch

from resnet_demo.config import IMAGENET_MEAN, IMAGENET_STD, Home
from resnet_demo.data import open_data
from resnet_demo.evaluate.sample import spread
from resnet_demo.files import Json
from resnet_demo.images.decode import square
from resnet_demo.probe.initialisation import BATCH, initialisation
from resnet_demo.progress import Progress

PX = 32


def run(data: str, home: Home) -> Generator[Progress, None, Json]:
    """Return {data, n, rows: [{arch, depth, residual, seed, ratio, blocks}]}."""
    split = (yield from open_data(data, home)).train
    indices = spread(len(split), BATCH)
    pixels = np.stack([square(split.read(index), PX) for index in indices])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(255)
    mean, std = (torch.tensor(v).view(1, 3, 1, 1) for v in (IMAGENET_MEAN, IMAGENET_STD))
    labels = torch.tensor([split.labels[index] for index in indices]) % 10
    rows = yield from initialisation((images - mean) / std, labels)
    return {"data": data, "n": len(indices), "rows": rows}
