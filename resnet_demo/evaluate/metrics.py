"""Accuracy with its interval, per class, what is mistaken for what, and calibration."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.evaluate.statistics import wilson
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


@dataclass(frozen=True)
class ClassScore:
    n: int
    top1: float | None


@dataclass(frozen=True)
class Bin:
    """Of the reliability diagram; means in percent."""

    confidence: float
    top1: float | None
    n: int


@dataclass(frozen=True)
class Mistake:
    """`picture` is its number among those measured; label and called are classes' numbers."""

    picture: int
    name: str
    label: int
    called: int
    probability: float


@dataclass(frozen=True)
class Scores:
    """On n pictures; accuracies and calibration errors in percent, with 95 % Wilson intervals."""

    n: int
    top1: float | None
    top1_ci95: tuple[float, float]
    top5: float | None
    balanced_top1: float
    val_loss: float
    ece: float
    ece_scaled: float
    temperature: float
    reliability: list[Bin]
    per_class: dict[str, ClassScore]
    confusion: list[list[int]] | None
    worst: list[Mistake]


def score(
    logits: Tensor,
    labels: Tensor,
    classes: tuple[str, ...],
    names: tuple[str, ...] = (),
    temperature: float = 1.0,
) -> Scores:
    """logits (N, classes), labels (N,), names of the N pictures and the network's temperature (for
    the mistakes, of which the same is said as where they are classified)."""
    right = logits.argmax(1) == labels
    top5 = (logits.topk(min(5, logits.shape[1])).indices == labels[:, None]).any(1)
    scaled, fitted = rescaled(logits, labels)
    return Scores(
        n=len(labels),
        top1=percent(right),
        top1_ci95=wilson(int(right.sum()), len(labels)),
        top5=percent(top5),
        balanced_top1=balanced(right, labels),
        val_loss=F.cross_entropy(logits, labels).item(),
        ece=expected_calibration_error(logits, right),
        ece_scaled=expected_calibration_error(scaled, right),
        temperature=fitted,
        reliability=reliability(logits, right),
        per_class=per_class(right, labels, classes),
        confusion=confusion(logits, labels),
        worst=worst(logits / temperature, labels, names),
    )


def percent(right: Tensor) -> float | None:
    return 100 * right.double().mean().item() if len(right) else None


def balanced(right: Tensor, labels: Tensor) -> float:
    """Mean of the classes' top-1, each counting alike however many pictures it has, in percent."""
    some = [right[labels == label].double().mean() for label in labels.unique()]
    return 100 * torch.stack(some).mean().item()


def per_class(right: Tensor, labels: Tensor, classes: tuple[str, ...]) -> dict[str, ClassScore]:
    of = {name: right[labels == index] for index, name in enumerate(classes)}
    return {name: ClassScore(len(some), percent(some)) for name, some in of.items()}


def confusion(logits: Tensor, labels: Tensor) -> list[list[int]] | None:
    """Rows: what it is; columns: what it was called."""
    count = logits.shape[1]
    if count > MOST_CONFUSED_CLASSES:
        return None
    cells = torch.bincount(labels * count + logits.argmax(1), minlength=count * count)
    return cells.view(count, count).tolist()


def worst(logits: Tensor, labels: Tensor, names: tuple[str, ...]) -> list[Mistake]:
    """The most confident mistakes first."""
    confidence, called = logits.softmax(1).max(1)
    confidence[called == labels] = -1
    order = confidence.argsort(descending=True)[:WORST].tolist()
    return [
        Mistake(
            picture=index,
            name=names[index] if names else "",
            label=int(labels[index]),
            called=int(called[index]),
            probability=float(confidence[index]),
        )
        for index in order
        if confidence[index] >= 0
    ]


# --- calibration -------------------------------------------------------------------------------


def rescaled(logits: Tensor, labels: Tensor) -> tuple[Tensor, float]:
    """Logits by temperature scaling (Guo et al. 2017, section 4.2), and the temperature: fitted on
    one half of the pictures for the other, then the other way round."""
    halves = torch.arange(len(labels)) % 2 == 0
    scaled, temperatures = logits.clone(), []
    for fit in (halves, ~halves):
        temperatures.append(fit_temperature(logits[fit], labels[fit]))
        scaled[~fit] = logits[~fit] / temperatures[-1]
    return scaled, sum(temperatures) / 2


def reliability(logits: Tensor, right: Tensor) -> list[Bin]:
    """Mean confidence and accuracy, in percent, in equal-width bins of confidence."""
    confidence, bins = confidence_bins(logits)
    rows = []
    for index in range(ECE_BINS):
        inside = bins == index
        if inside.any():
            accuracy, mean = percent(right[inside]), 100 * confidence[inside].mean().item()
            rows.append(Bin(mean, accuracy, int(inside.sum())))
    return rows


def expected_calibration_error(logits: Tensor, right: Tensor) -> float:
    """Mean gap between confidence and accuracy over the bins, in percent."""
    confidence, bins = confidence_bins(logits)
    gap = torch.zeros(ECE_BINS).index_add_(0, bins, confidence - right.float())
    return 100 * gap.abs().sum().item() / len(right)


def confidence_bins(logits: Tensor) -> tuple[Tensor, Tensor]:
    confidence = logits.softmax(1).amax(1)
    return confidence, (confidence * ECE_BINS).long().clamp_(max=ECE_BINS - 1)
