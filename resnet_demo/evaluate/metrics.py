"""Accuracy with its interval, per class, what is mistaken for what, and calibration."""

from collections.abc import Generator, Iterable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json
from resnet_demo.progress import Progress
from resnet_demo.training.temperature import fit_temperature

BATCH = 128
ECE_BINS = 15  # Guo et al. 2017 (arXiv 1706.04599), section 2
WORST = 24
MOST_CONFUSED_CLASSES = 100  # over it the matrix is left out


def all_logits(
    model: nn.Module, batches: Iterable[Tensor], total: int, on: torch.device
) -> Generator[Progress, None, Tensor]:
    """batches: normalised (B, 3, px, px), together `total` pictures. Return logits
    (total, classes) in float32 on the CPU."""
    logits: list[Tensor] = []
    model = device.placed(model, on).eval()
    done = 0
    for images in batches:
        with torch.inference_mode(), device.autocast(on):
            logits.append(model(images.to(on)).float().cpu())
        done += len(images)
        yield "Evaluating", done, total
    return torch.cat(logits)


def report(
    logits: Tensor, labels: Tensor, classes: tuple[str, ...], names: tuple[str, ...] = ()
) -> Json:
    """logits (N, classes), labels (N,), names of the N pictures (for the mistakes).

    Accuracies in percent, with 95 % Wilson intervals.
    """
    right = logits.argmax(1) == labels
    top5 = (logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).any(1)
    return {
        "n": len(labels),
        "top1": percent(right),
        "top1_ci95": wilson(int(right.sum()), len(labels)),
        "top5": percent(top5),
        "balanced_top1": balanced(right, labels),
        "val_loss": F.cross_entropy(logits, labels).item(),
        **calibration(logits, labels),
        "per_class": per_class(right, labels, classes),
        "confusion": confusion(logits, labels),
        "worst": worst(logits, labels, names),
    }


def percent(right: Tensor) -> float | None:
    return 100 * right.double().mean().item() if len(right) else None


def balanced(right: Tensor, labels: Tensor) -> float:
    """Mean of the classes' top-1, each counting alike however many pictures it has, in percent."""
    some = [right[labels == label].double().mean() for label in labels.unique()]
    return 100 * torch.stack(some).mean().item()


def per_class(right: Tensor, labels: Tensor, classes: tuple[str, ...]) -> Json:
    of = {name: right[labels == index] for index, name in enumerate(classes)}
    return {name: {"n": len(some), "top1": percent(some)} for name, some in of.items()}


def confusion(logits: Tensor, labels: Tensor) -> list[list[int]] | None:
    """Rows: what it is; columns: what it was called."""
    count = logits.shape[1]
    if count > MOST_CONFUSED_CLASSES:
        return None
    cells = torch.bincount(labels * count + logits.argmax(1), minlength=count * count)
    return cells.view(count, count).tolist()


def worst(logits: Tensor, labels: Tensor, names: tuple[str, ...]) -> list[Json]:
    """The most confident mistakes first."""
    confidence, called = logits.softmax(1).max(1)
    confidence[called == labels] = -1
    order = confidence.argsort(descending=True)[:WORST].tolist()
    return [
        {
            "picture": index,
            "name": names[index] if names else "",
            "label": int(labels[index]),
            "called": int(called[index]),
            "probability": float(confidence[index]),
        }
        for index in order
        if confidence[index] >= 0
    ]


# --- calibration -------------------------------------------------------------------------------


def calibration(logits: Tensor, labels: Tensor) -> Json:
    """ECE in percent as it is and with temperature scaling, and the reliability diagram's bins.

    Guo et al. 2017, sections 2 and 4.2. The temperature is fitted on one half of the pictures and
    its error measured on the other, then the other way round.
    """
    right = logits.argmax(1) == labels
    halves = torch.arange(len(labels)) % 2 == 0
    scaled, temperatures = logits.clone(), []
    for fit in (halves, ~halves):
        temperatures.append(fit_temperature(logits[fit], labels[fit]))
        scaled[~fit] = logits[~fit] / temperatures[-1]
    return {
        "ece": expected_calibration_error(logits, right),
        "ece_scaled": expected_calibration_error(scaled, right),
        "temperature": sum(temperatures) / 2,
        "reliability": reliability(logits, right),
    }


def reliability(logits: Tensor, right: Tensor) -> list[dict[str, float | None]]:
    """Mean confidence and accuracy, in percent, in equal-width bins of confidence."""
    confidence, bins = confidence_bins(logits)
    rows = []
    for index in range(ECE_BINS):
        inside = bins == index
        if inside.any():
            accuracy, mean = percent(right[inside]), 100 * confidence[inside].mean().item()
            rows.append({"confidence": mean, "top1": accuracy, "n": int(inside.sum())})
    return rows


def expected_calibration_error(logits: Tensor, right: Tensor) -> float:
    """Mean gap between confidence and accuracy over the bins, in percent."""
    confidence, bins = confidence_bins(logits)
    gap = torch.zeros(ECE_BINS).index_add_(0, bins, confidence - right.float())
    return 100 * gap.abs().sum().item() / len(right)


def confidence_bins(logits: Tensor) -> tuple[Tensor, Tensor]:
    confidence = logits.softmax(1).amax(1)
    return confidence, (confidence * ECE_BINS).long().clamp_(max=ECE_BINS - 1)
