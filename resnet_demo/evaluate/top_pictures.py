"""Which pictures a channel answers most (as in Zeiler & Fergus 2013, arXiv 1311.2901, Fig. 2): for
all channels of a network in one pass over validation pictures, and kept."""

import io
import zipfile
import zlib
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from resnet_demo.config import Home
from resnet_demo.data import open_data
from resnet_demo.data.dataset import Split
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import Reader
from resnet_demo.evaluate.linear_probe import key_of
from resnet_demo.evaluate.sample import MOST, spread
from resnet_demo.files import Json, write_whole
from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import Step, anatomy, walk
from resnet_demo.progress import Progress

TOP = 9  # pictures kept of each channel
Found = dict[str, np.ndarray]  # "BLOCK values", "BLOCK pictures", "BLOCK places": (channels, TOP)


@dataclass
class Best:
    """Of one block: each channel's largest answers so far, the largest first."""

    values: Tensor  # (C, up to TOP)
    pictures: Tensor  # which of the split
    places: Tensor  # where in it: row * width + column of the block's map
    width: int

    @classmethod
    def of(cls, step: Step, pictures: list[int]) -> "Best":
        values, places = (each.cpu() for each in step.out.flatten(2).max(2))  # (B, C)
        which = torch.tensor(pictures)[:, None].expand_as(values)
        return cls(values.T, which.T, places.T, step.out.shape[3]).trimmed()

    def trimmed(self) -> "Best":
        values, chosen = self.values.topk(min(TOP, self.values.shape[1]), dim=1)
        which, where = self.pictures.gather(1, chosen), self.places.gather(1, chosen)
        return Best(values, which, where, self.width)

    def joined(self, other: "Best") -> "Best":
        values = torch.cat([self.values, other.values], 1)
        pictures = torch.cat([self.pictures, other.pictures], 1)
        places = torch.cat([self.places, other.places], 1)
        return Best(values, pictures, places, self.width).trimmed()


def top_pictures(
    network: Network, data: str, home: Home, n: int, block: str, channel: int
) -> Generator[Progress, None, Json]:
    """Return {data, n, classes, block, channel, rows: [{value, class, x, y, seen}]}: the pictures
    among n that a channel answers most, where (in shares of the side), and what the network sees of
    them, uint8 (px, px, 3). Raises UserError for a block or a channel that there is not."""
    if not 1 <= n <= MOST:
        raise UserError(f"The number of pictures must lie between 1 and {MOST:,}. Got {n}.")
    pictures = yield from open_data(data, home)
    kept = home.caches / f"top-{key_of(network, {'val': pictures.val}, n)}.npz"
    if not is_whole(kept):
        strongest = yield from searched(network, pictures.val, n)
        write_whole(kept, lambda file: file.write(packed(strongest)))
    values, which, places, width = read(kept, block, channel)
    rows = []
    for value, index, place in zip(values, which, places):
        seen = network.crop(pictures.val.read(int(index)))
        name = pictures.classes[pictures.val.labels[int(index)]]
        row, column = divmod(int(place), width)
        x, y = (column + 0.5) / width, (row + 0.5) / width
        rows.append({"value": float(value), "class": name, "x": x, "y": y, "seen": seen})
    return {"data": data, "n": n, "block": block, "channel": channel, "rows": rows}


def searched(network: Network, split: Split, n: int) -> Generator[Progress, None, Found]:
    view, best = anatomy(network.model), dict[str, Best]()
    reader = Reader(network, split, spread(len(split), n))
    for images in reader.batches():
        pictures = reader.kept[-len(images) :]
        with torch.inference_mode():
            for step in walk(view, images):
                now = Best.of(step, pictures)
                best[step.name] = best[step.name].joined(now) if step.name in best else now
        yield "Looking at pictures", len(reader.kept), len(reader.indices)
    strongest: Found = {}
    for name, top in best.items():
        strongest |= {
            f"{name} values": top.values.numpy(), f"{name} pictures": top.pictures.numpy(),
            f"{name} places": top.places.numpy(), f"{name} width": np.array(top.width),
        }  # fmt: skip
    return strongest


def is_whole(path: Path) -> bool:
    """There, and not damaged."""
    try:
        with zipfile.ZipFile(path) as stored:
            return stored.testzip() is None
    except (OSError, zipfile.BadZipFile, zlib.error):
        return False


def packed(strongest: Found) -> bytes:
    data = io.BytesIO()
    np.savez_compressed(data, allow_pickle=False, **strongest)
    return data.getvalue()


def read(path: Path, block: str, channel: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, int]:
    """The channel's values, pictures and places, and the width of the block's map."""
    with np.load(path) as stored:
        if f"{block} width" not in stored:
            raise UserError(f"There is no block '{block[:40]}' in this network.")
        count = len(stored[f"{block} values"])
        if not 0 <= channel < count:
            raise UserError(f"{block} has the channels 0 to {count - 1}. Got {channel}.")
        values, pictures, places = (
            stored[f"{block} {what}"][channel] for what in ("values", "pictures", "places")
        )
        return values, pictures, places, int(stored[f"{block} width"])
