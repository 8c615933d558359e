"""Feature maps and filters as pictures, each channel a tile of its true resolution."""

import numpy as np
from torch import nn

STRONGEST = 8
GAP = 1  # px between tiles
BACKGROUND = 128


def strongest(maps: np.ndarray, count: int = STRONGEST) -> list[int]:
    """maps: (C, h, w). Channels with the largest mean, the largest first."""
    return np.argsort(-maps.mean((1, 2)), kind="stable")[:count].tolist()


def grey(maps: np.ndarray, shared: bool) -> np.ndarray:
    """(C, h, w) -> uint8; white is the largest value of all (`shared`) or of each channel."""
    positive = np.clip(maps, 0, None)
    largest = positive.max() if shared else positive.max((1, 2), keepdims=True)
    return np.round(255 * positive / np.maximum(largest, 1e-12)).astype(np.uint8)


def sheet(tiles: np.ndarray, columns: int) -> np.ndarray:
    """(N, h, w) or (N, h, w, 3) -> one uint8 picture with `columns` tiles in a row."""
    count, height, width = tiles.shape[:3]
    rows = -(-count // columns)
    shape = (rows * (height + GAP) - GAP, columns * (width + GAP) - GAP, *tiles.shape[3:])
    page = np.full(shape, BACKGROUND, np.uint8)
    for index, tile in enumerate(tiles):
        y, x = index // columns * (height + GAP), index % columns * (width + GAP)
        page[y : y + height, x : x + width] = tile
    return page


def columns_for(count: int) -> int:
    """Tiles in a row that make a sheet about square."""
    return max(1, round(count**0.5))


def filters(first: nn.Conv2d) -> np.ndarray:
    """The weights that see the picture, as uint8 (C, k, k, 3); grey is zero."""
    weight = first.weight.detach().float().cpu().permute(0, 2, 3, 1).numpy()
    largest = np.abs(weight).max((1, 2, 3), keepdims=True)
    return np.round(127.5 + 127.5 * weight / np.maximum(largest, 1e-12)).astype(np.uint8)
