"""What every data source gives: class names, and two splits of pictures read one by one."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from resnet_demo.config import TrainConfig
from resnet_demo.errors import UserError


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
    kept_apart: bool = False  # the validation pictures, by this program: nobody gave any

    def used_by(self, config: TrainConfig) -> "Pictures":
        """Those that a run trains and validates on; raises UserError when none are left."""
        train, val = self.train, self.val
        if config.val_from_train:
            train, val = held_apart(train, config.val_from_train)
        return replace(self, train=subset(train, config.num_train), val=subset(val, config.num_val))


def held_apart(split: Split, n: int) -> tuple[Split, Split]:
    """The rest, and `n` pictures drawn once and for all."""
    check_some_are_left(n, len(split))
    order = np.random.default_rng(n).permutation(len(split))
    return part(split, order[n:], f"without {n}"), part(split, order[:n], f"{n} held apart")


def check_some_are_left(held: int, total: int) -> None:
    """Raises UserError where all training pictures would be held apart."""
    if held >= total:
        raise UserError(
            f"val_from_train {held} leaves nothing to train on: there are {total} training "
            f"pictures. Hold fewer apart."
        )


def subset(split: Split, n: int) -> Split:
    """`n` pictures, drawn once and for all: the same ones for every run and seed."""
    if not 0 < n < len(split):
        return split
    return part(split, np.random.default_rng(n).permutation(len(split))[:n], str(n))


def part(split: Split, indices: np.ndarray, called: str) -> Split:
    """Some pictures of a split, in the split's order."""
    kept = np.sort(indices).tolist()
    return Split(
        names=tuple(split.names[index] for index in kept),
        labels=tuple(split.labels[index] for index in kept),
        read=lambda index: split.read(kept[index]),
        fingerprint=f"{split.fingerprint} {called}",
    )


def array_split(pixels: np.ndarray, labels: np.ndarray, stem: str, fingerprint: str) -> Split:
    """Pictures that already lie in memory: uint8 (N, H, W, 3)."""
    return Split(
        names=tuple(f"{stem}/{index:05d}" for index in range(len(labels))),
        labels=tuple(int(label) for label in labels),
        read=pixels.__getitem__,
        fingerprint=fingerprint,
    )
