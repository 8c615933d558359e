"""What every data source gives: class names, and two splits of pictures read one by one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True)
class Split:
    """Some pictures with labels."""

    names: tuple[str, ...]  # one a picture, unique, as shown to people
    labels: tuple[int, ...]
    read: Callable[[int], np.ndarray]  # index -> RGB uint8 (H, W, 3); UserError when broken
    fingerprint: str  # changes when any picture changes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Pictures:
    """A data source: class names in label order, and two splits."""

    classes: tuple[str, ...]
    train: Split
    val: Split
    note: str = ""  # what a person should know, e.g. how the split was made

    def subset(self, num_train: int, num_val: int) -> "Pictures":
        """So many of each split; 0: all."""
        return replace(self, train=subset(self.train, num_train), val=subset(self.val, num_val))


def subset(split: Split, n: int) -> Split:
    """`n` pictures, drawn once and for all: the same ones for every run and seed."""
    if not 0 < n < len(split):
        return split
    kept = np.sort(np.random.default_rng(n).permutation(len(split))[:n]).tolist()
    return Split(
        names=tuple(split.names[index] for index in kept),
        labels=tuple(split.labels[index] for index in kept),
        read=lambda index: split.read(kept[index]),
        fingerprint=f"{split.fingerprint} {n}",
    )


def array_split(pixels: np.ndarray, labels: np.ndarray, stem: str, fingerprint: str) -> Split:
    """Pictures that already lie in memory: uint8 (N, H, W, 3)."""
    return Split(
        names=tuple(f"{stem}/{index:05d}" for index in range(len(labels))),
        labels=tuple(int(label) for label in labels),
        read=pixels.__getitem__,
        fingerprint=fingerprint,
    )
