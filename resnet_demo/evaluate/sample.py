"""Some validation pictures, the same ones every time, as a network sees them."""

from collections.abc import Generator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from resnet_demo.config import Home
from resnet_demo.data import open_data
from resnet_demo.data.dataset import Pictures
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import Reader, columns
from resnet_demo.models.network import Network
from resnet_demo.progress import Progress

MOST = 10_000


@dataclass(frozen=True)
class Sample:
    """Pictures with labels among the network's outputs; without when it knows other classes."""

    network: Network
    seen: np.ndarray  # uint8 (N, px, px, 3)
    labels: Tensor | None  # (N,)
    note: str

    def __len__(self) -> int:
        return len(self.seen)

    def images(self, part: slice = slice(None)) -> Tensor:
        """Normalised (B, 3, px, px)."""
        return self.network.normalise(self.seen[part])


def sample(
    network: Network, model: str, data: str, home: Home, n: int
) -> Generator[Progress, None, Sample]:
    """Raises UserError when the pictures cannot be had, or for an `n` that makes no sense."""
    if not 1 <= n <= MOST:
        raise UserError(f"The number of pictures must lie between 1 and {MOST:,}. Got {n}.")
    pictures = yield from open_data(data, home)
    reader = Reader(network, pictures.val, spread(len(pictures.val), n))
    batches = []
    for batch in reader.seen():
        batches.append(batch)
        yield "Reading pictures", len(reader.kept), len(reader.indices)
    labels, note = known_labels(network, pictures, model, data, reader.kept)
    return Sample(network, np.concatenate(batches), labels, note)


def spread(count: int, n: int) -> list[int]:
    """At most n of count numbers, evenly apart: the classes lie one after the other."""
    return np.unique(np.linspace(0, count - 1, min(n, count)).round().astype(int)).tolist()


def known_labels(
    network: Network, pictures: Pictures, model: str, data: str, kept: list[int]
) -> tuple[Tensor | None, str]:
    try:
        known = columns(network, pictures, model, data)
    except UserError:
        return None, (
            f"{model} does not know the classes of {data}: instead of accuracy see how many "
            f"pictures keep the name that the whole network gives them."
        )
    return torch.tensor([known[pictures.val.labels[index]] for index in kept]), ""
