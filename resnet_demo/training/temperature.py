"""How sure a network may say it is: temperature scaling (Guo et al. 2017, section 4.2)."""

import math

import torch.nn.functional as F
from torch import Tensor

LOWEST, HIGHEST = 1 / 20, 20.0
FEWEST = 100  # pictures that say anything about probabilities
STEPS = 30  # each takes a third off the range


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """The divisor of logits (N, classes) with the lowest cross-entropy, within 1/20 to 20; 1 for
    no pictures. The loss is convex in the divisor's inverse, so a ternary search finds it."""
    if len(labels) == 0:
        return 1.0
    exact = logits.double()

    def loss(power: float) -> float:
        return F.cross_entropy(exact / math.exp(power), labels).item()

    low, high = math.log(LOWEST), math.log(HIGHEST)
    for _ in range(STEPS):
        left, right = low + (high - low) / 3, high - (high - low) / 3
        if loss(left) < loss(right):
            high = right
        else:
            low = left
    return math.exp((low + high) / 2)
