"""Accuracy with its interval, per class, and calibration."""

from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo.config import Progress
from resnet_demo.data.augment import normalise, whole_batch
from resnet_demo.data.pixels import Pixels
from resnet_demo.evaluate.interval import wilson
from resnet_demo.training import machine

BATCH = 128
ECE_BINS = 15  # Guo et al. 2017 (arXiv 1706.04599), section 2


def all_logits(
    model: nn.Module, pixels: Pixels, on: torch.device
) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """Return logits (N, classes) and labels (N,) of all pictures, on the CPU."""
    found: list[Tensor] = []
    model = model.to(on, memory_format=torch.channels_last).eval()
    for start in range(0, len(pixels), BATCH):
        part = range(start, min(start + BATCH, len(pixels)))
        images, _ = whole_batch(pixels, part)
        with torch.inference_mode(), machine.autocast(on):
            found.append(model(normalise(images.to(on))).float().cpu())
        yield "Evaluating", part.stop, len(pixels)
    return torch.cat(found), torch.from_numpy(pixels.labels)


def report(logits: Tensor, labels: Tensor, classes: tuple[str, ...]) -> dict[str, object]:
    """logits (N, classes), labels (N,). Accuracies in percent, with 95 % Wilson intervals."""
    right = logits.argmax(1) == labels
    top5 = (logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).any(1)
    per_class = {}
    for index, name in enumerate(classes):
        of_class = right[labels == index]
        accuracy = 100 * of_class.float().mean().item() if len(of_class) else None
        per_class[name] = {"n": len(of_class), "top1": accuracy}
    return {
        "n": len(labels),
        "top1": 100 * right.double().mean().item(),
        "top1_ci95": wilson(int(right.sum()), len(labels)),
        "top5": 100 * top5.double().mean().item(),
        "val_loss": F.cross_entropy(logits, labels).item(),
        "ece": expected_calibration_error(logits, right),
        "per_class": per_class,
    }


def expected_calibration_error(logits: Tensor, right: Tensor) -> float:
    """Mean gap between confidence and accuracy over equal-width bins, in percent."""
    confidence = logits.softmax(1).amax(1)
    bins = (confidence * ECE_BINS).long().clamp_(max=ECE_BINS - 1)
    gap = torch.zeros(ECE_BINS).index_add_(0, bins, confidence - right.float())
    return 100 * gap.abs().sum().item() / len(right)
