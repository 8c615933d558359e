"""Training batches cut where the network is, if that is not the CPU: a crop, its flip and its
resizing are one matrix for the rows and one for the columns, so that a batch is two products there
and the CPU only draws the boxes.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data.augment import Box, train_batch
from resnet_demo.data.pixel_cache import Pixels

MOST_BYTES = 4 * 2**30  # of pictures that are kept on the device


def batches_of(pixels: Pixels, on: torch.device) -> Callable[..., tuple[Tensor, Tensor]]:
    """`train_batch` of these pixels. On the CPU picture by picture: a tenth of the time there, 64
    pictures of 224 px to 128 px on one core."""
    if on.type == "cpu":
        return partial(train_batch, pixels)
    return partial(train_batch, pixels, cut=DeviceCrops(pixels, on).cut)


class DeviceCrops:
    def __init__(self, pixels: Pixels, on: torch.device) -> None:
        self.pixels, self.on = pixels, on
        kept = pixels.images.nbytes <= MOST_BYTES
        self.there = torch.from_numpy(np.array(pixels.images)).to(on) if kept else None

    def cut(self, indices: np.ndarray, boxes: list[Box], flips: np.ndarray, px: int) -> Tensor:
        """As `augment.cut_each`, to a level of 255, and on the device."""
        pictures = self.pictures(indices)
        down, across = (
            resizing(list(parts), pictures.shape[1], px, self.on) for parts in zip(*boxes)
        )
        mirrored = torch.from_numpy(flips).to(self.on)[:, None, None]
        across = torch.where(mirrored, across.flip(1), across)
        images = pictures.permute(0, 3, 1, 2).float()
        narrow = levels(images @ across[:, None].transpose(2, 3))
        small = levels(down[:, None] @ narrow).to(torch.uint8)
        return small.contiguous(memory_format=torch.channels_last)

    def pictures(self, indices: np.ndarray) -> Tensor:
        """uint8 (B, S, S, 3) on the device."""
        if self.there is not None:
            return self.there[torch.from_numpy(indices).to(self.on)]
        return torch.from_numpy(np.array(self.pixels.images[indices])).to(self.on)


def levels(values: Tensor) -> Tensor:
    """As pixels have them, which the CPU's resizing takes after each direction."""
    return values.round().clamp(0, 255)


def resizing(parts: list[slice], side: int, px: int, on: torch.device) -> Tensor:
    """(B, px, side): what each of px places takes of each pixel of its part. Bicubic, and over
    all pixels that become one where the part is larger (torch's `antialias`)."""
    ends = torch.tensor([[part.start, part.stop] for part in parts], dtype=torch.float32).to(on)
    start, stop = ends[:, :1], ends[:, 1:]
    scale = (stop - start) / px
    centre = start + scale * (torch.arange(px, device=on) + 0.5)
    pixel = torch.arange(side, device=on) + 0.5
    distance = (pixel - centre[:, :, None]) / scale.clamp(min=1)[:, :, None]
    inside = (pixel > start) & (pixel < stop)
    weights = cubic(distance.abs()) * inside[:, None]
    return weights / weights.sum(2, keepdim=True)


def cubic(x: Tensor) -> Tensor:
    """The interpolation kernel of Keys 1981, with a = -1/2 as in Pillow."""
    near, far = 1.5 * x**3 - 2.5 * x**2 + 1, -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2
    return torch.where(x < 1, near, torch.where(x < 2, far, 0))
