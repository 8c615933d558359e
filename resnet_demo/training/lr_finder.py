"""Learning-rate range test (Smith 2017, arXiv 1506.01186, section 3.3)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

from resnet_demo.training.events import Diverged
from resnet_demo.training.loop import Training

LOWEST, HIGHEST = 1e-5, 10.0
STEPS = 80
SMOOTHING = 0.9
GIVE_UP = 3.0  # times the lowest loss


@dataclass(frozen=True)
class Tried:
    """Loss after a step with this learning rate, smoothed."""

    lr: float
    loss: float


def sweep(training: Training) -> Iterator[Tried]:
    """Train with rates that grow from 1e-5 to 10; the network is spoilt afterwards."""
    average = lowest = None
    for index in range(STEPS):
        lr = LOWEST * (HIGHEST / LOWEST) ** (index / (STEPS - 1))
        try:
            loss = training.train_step(lr).metrics["loss"]
        except Diverged:
            return
        average = loss if average is None else SMOOTHING * average + (1 - SMOOTHING) * loss
        lowest = average if lowest is None else min(lowest, average)
        yield Tried(lr, average)
        if average > GIVE_UP * lowest:
            return


def suggest(tried: list[Tried]) -> float:
    """A third of the rate at which the loss was lowest, to two digits: still falling, not yet
    at the edge."""
    best = min(tried, key=lambda point: point.loss)
    lr = best.lr / 3
    return round(lr, 1 - math.floor(math.log10(lr)))
