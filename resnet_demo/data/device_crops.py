"""Training batches cut where the network is, if that is not the CPU: a crop, its flip and its
resizing are one matrix for the rows and one for the columns, so that a batch is two products there
and the CPU only draws the boxes.
"""

from collections.abc import Callable
from functools import partial

import numpy as np
import torch
from torch import Tensor

from resnet_demo.data.augment import WHOLE, Box, crops, train_batch
from resnet_demo.data.pixel_cache import Pixels

MOST_BYTES = 4 * 2**30  # of pictures that are kept on the device
Cut = Callable[..., tuple[Tensor, Tensor]]  # of `train_batch`, all but the pixels


def cutter(pixels: Pixels, on: torch.device) -> Cut:
    """On the CPU picture by picture: its crops are uint8 to the end, twice as fast there."""
    return partial(train_batch, pixels) if on.type == "cpu" else DeviceCrops(pixels, on).batch


class DeviceCrops:
    def __init__(self, pixels: Pixels, on: torch.device) -> None:
        self.pixels, self.on = pixels, on
        kept = pixels.images.nbytes <= MOST_BYTES
        self.there = torch.from_numpy(np.array(pixels.images)).to(on) if kept else None

    def batch(
        self,
        indices: np.ndarray,
        px: int,
        min_crop: float,
        key: tuple[int, int, int],
        share: slice = WHOLE,
    ) -> tuple[Tensor, Tensor]:
        """As `train_batch`, to a level of 255."""
        mine, flips, boxes = crops(self.pixels, indices, min_crop, key, share)
        labels = torch.from_numpy(self.pixels.labels[mine])
        return cut(self.pictures(mine), boxes, flips, px), labels

    def pictures(self, indices: np.ndarray) -> Tensor:
        """uint8 (B, S, S, 3) on the device."""
        if self.there is not None:
            return self.there[torch.from_numpy(indices).to(self.on)]
        return torch.from_numpy(np.array(self.pixels.images[indices])).to(self.on)


def cut(pictures: Tensor, boxes: list[Box], flips: np.ndarray, px: int) -> Tensor:
    """pictures: uint8 (B, S, S, 3). Returns uint8 (B, 3, px, px) in channels-last memory."""
    on, side = pictures.device, pictures.shape[1]
    down, across = (resizing(list(parts), side, px, on) for parts in zip(*boxes))
    mirrored = torch.from_numpy(flips).to(on)[:, None, None]
    across = torch.where(mirrored, across.flip(1), across)
    images = pictures.permute(0, 3, 1, 2).float()
    small = down[:, None] @ images @ across[:, None].transpose(2, 3)
    levels = small.round().clamp(0, 255).to(torch.uint8)
    return levels.contiguous(memory_format=torch.channels_last)


def resizing(parts: list[slice], side: int, px: int, on: torch.device) -> Tensor:
    """(B, px, side): what each of px places takes of each pixel of its part. Bilinear, and over
    all pixels that become one where the part is larger (torch's `antialias`)."""
    ends = torch.tensor([[part.start, part.stop] for part in parts], dtype=torch.float32).to(on)
    start, stop = ends[:, :1], ends[:, 1:]
    scale = (stop - start) / px
    centre = start + scale * (torch.arange(px, device=on) + 0.5)
    pixel = torch.arange(side, device=on) + 0.5
    distance = (pixel - centre[:, :, None]) / scale.clamp(min=1)[:, :, None]
    inside = (pixel > start) & (pixel < stop)
    weights = (1 - distance.abs()).clamp(min=0) * inside[:, None]
    return weights / weights.sum(2, keepdim=True)
