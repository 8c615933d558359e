"""What a step makes smaller."""

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor


def mean_loss(
    logits: Tensor, labels: Tensor, smoothing: float, weights: Tensor | None = None
) -> Tensor:
    """Cross-entropy, mean over the batch. labels: int64 (B,), or float32 (B, classes), shares.
    weights: of the classes, for `--balance loss`; a batch is not divided by the sum of its own, so
    that the shares of several processes add up."""
    if weights is None:
        return F.cross_entropy(logits, labels, label_smoothing=smoothing)
    each = F.cross_entropy(logits, labels, weights, reduction="none", label_smoothing=smoothing)
    return each.mean()


def class_weights(labels: np.ndarray, num_classes: int, device: torch.device) -> Tensor:
    """float32 (classes,): each class weighs the same in sum, a picture 1 on average."""
    counts = np.bincount(labels, minlength=num_classes).clip(1)
    weights = len(labels) / (num_classes * counts)
    return torch.from_numpy(weights).float().to(device)
