"""Batches for the network, cut out of cached pixels.

A batch depends on (seed, epoch, batch number) alone, so a resumed run sees what an uninterrupted
one would have seen.
"""

import math
from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_demo.config import IMAGENET_MEAN, IMAGENET_STD
from resnet_demo.data.pixel_cache import Pixels

WHOLE = slice(None)
Box = tuple[slice, slice]  # rows, columns
Cut = Callable[[np.ndarray, list[Box], np.ndarray, int], Tensor]  # of indices, boxes, flips, px
ASPECT = 4 / 3  # crops are at most this much wider than high, or the other way round


@lru_cache(maxsize=2)  # for a million pictures it takes as long as a step
def epoch_order(count: int, seed: int, epoch: int, balanced_by: bytes = b"") -> np.ndarray:
    """Picture numbers. balanced_by: each picture's class, as int64, for `--balance sampling`: every
    class comes as often as the others, so that the pictures of rare ones come several times."""
    random = np.random.default_rng((seed, epoch))
    if not balanced_by:
        return random.permutation(count)
    labels = np.frombuffer(balanced_by, np.int64)
    chances = 1 / np.bincount(labels)[labels]
    return random.choice(count, count, p=chances / chances.sum())


@lru_cache(maxsize=2)
def flipped_at_first(count: int, seed: int) -> np.ndarray:
    """Which pictures are flipped in the epochs of even number."""
    return np.random.default_rng(seed).random(count) < 0.5


def train_batch(
    pixels: Pixels,
    indices: np.ndarray,
    px: int,
    min_crop: float,
    key: tuple[int, int, int],
    share: slice = WHOLE,
    cut: Cut | None = None,
) -> tuple[Tensor, Tensor]:
    """Random crops and their labels. A picture is flipped in every other epoch, which shows more
    different ones than a coin does (Jordan 2024, arXiv 2404.00498, section 3.6).

    key: (seed, epoch, batch number). share: the part of the batch that is wanted; its pictures are
    cut as in the whole one. cut: what cuts them, `cut_each` when not given. Returns uint8
    (B, 3, px, px) in channels-last memory, and int64 (B,).
    """
    random = np.random.default_rng(key)
    seed, epoch, _ = key
    flips = flipped_at_first(len(pixels), seed)[indices[share]] ^ (epoch % 2 == 1)
    side = pixels.images.shape[1]
    boxes = [random_box(side, min_crop, random) for _ in indices][share]
    indices = indices[share]
    images = (cut or partial(cut_each, pixels))(indices, boxes, flips, px)
    return images, torch.from_numpy(pixels.labels[indices])


def cut_each(
    pixels: Pixels, indices: np.ndarray, boxes: list[Box], flips: np.ndarray, px: int
) -> Tensor:
    """Picture by picture, on the CPU."""
    images = torch.empty(len(indices), px, px, 3, dtype=torch.uint8).permute(0, 3, 1, 2)
    for image, index, flip, (rows, columns) in zip(images, indices, flips, boxes):
        crop = torch.from_numpy(np.array(pixels.images[index, rows, columns])).permute(2, 0, 1)
        image.copy_(resize(crop.flip(2) if flip else crop, px))
    return images


def padded_batch(
    pixels: Pixels, indices: np.ndarray, key: tuple[int, int, int], share: slice = WHOLE
) -> tuple[Tensor, Tensor]:
    """Section 4.2: an eighth of the side (4 of 32 pixels) is padded on each side, and the picture
    or its mirror image is cut out anywhere. As `train_batch`, at the side of the pixels.

    The padding has the mean's colour: zero once normalised.
    """
    random = np.random.default_rng(key)
    count, side = len(indices), pixels.images.shape[1]
    pad = side // 8
    tops, lefts = random.integers(0, 2 * pad + 1, (2, count))
    flips = random.random(count) < 0.5
    indices, tops, lefts, flips = indices[share], tops[share], lefts[share], flips[share]
    count = len(indices)
    padded = np.empty((count, side + 2 * pad, side + 2 * pad, 3), np.uint8)
    padded[:] = np.round(255 * np.array(IMAGENET_MEAN))
    padded[:, pad : pad + side, pad : pad + side] = pixels.images[indices]
    images = np.empty((count, side, side, 3), np.uint8)
    for image, whole, top, left, flip in zip(images, padded, tops, lefts, flips):
        crop = whole[top : top + side, left : left + side]
        image[:] = crop[:, ::-1] if flip else crop
    return torch.from_numpy(images).permute(0, 3, 1, 2), torch.from_numpy(pixels.labels[indices])


def cutmix(
    images: Tensor, labels: Tensor, num_classes: int, chance: float, key: tuple[int, int, int]
) -> tuple[Tensor, Tensor]:
    """In `chance` of all batches each picture gets a part of another one, which is written into it:
    CutMix (Yun et al. 2019, arXiv 1905.04899), with a part that lies wholly inside. Not
    torchvision's, which draws from torch's global state: a batch is decided by its key.

    images: uint8 (B, 3, px, px), a whole batch. labels: int64 (B,); where pictures were mixed,
    float32 (B, classes): the shares of their area.
    """
    random = np.random.default_rng((*key, 1))
    if random.random() >= chance:
        return images, labels
    side = images.shape[2]
    rows, columns = random_box(side, 0.0, random)
    images[:, :, rows, columns] = images.flip(0)[:, :, rows, columns]
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / side**2
    whole = F.one_hot(labels, num_classes).float()
    return images, whole.lerp(whole.flip(0), share)


def random_box(side: int, min_crop: float, random: np.random.Generator) -> Box:
    """Rows and columns of a part of a square picture with at least `min_crop` of its area, of
    varied aspect."""
    area = random.uniform(min_crop, 1)
    aspect = math.exp(random.uniform(-1, 1) * math.log(ASPECT) / 2)
    height = min(side, round(side * math.sqrt(area) / aspect))
    width = min(side, round(side * math.sqrt(area) * aspect))
    top = random.integers(0, side - height + 1)
    left = random.integers(0, side - width + 1)
    return slice(top, top + height), slice(left, left + width)


def resize(picture: Tensor, px: int) -> Tensor:
    """uint8 (3, H, W) -> (3, px, px), by the filter that validation pictures go through: a network
    that learns from softer ones than it is shown is less often right (bench/records)."""
    if picture.shape[1:] == (px, px):
        return picture
    return F.interpolate(picture[None], (px, px), mode="bicubic", antialias=True)[0]


def whole_batch(pixels: Pixels, indices: range) -> tuple[Tensor, Tensor]:
    """Pictures as they are, for validation: uint8 (B, 3, S, S) in channels-last memory."""
    part = slice(indices.start, indices.stop)
    images = torch.from_numpy(np.array(pixels.images[part])).permute(0, 3, 1, 2)
    return images, torch.from_numpy(pixels.labels[part])


def normalise(images: Tensor) -> Tensor:
    """uint8 0..255 -> float32 with ImageNet's mean and deviation; keeps the memory layout."""
    mean = torch.tensor(IMAGENET_MEAN, device=images.device).view(1, 3, 1, 1) * 255
    std = torch.tensor(IMAGENET_STD, device=images.device).view(1, 3, 1, 1) * 255
    return images.float().sub_(mean).div_(std)
