"""One sentence on how a run goes, from its numbers alone."""

import math
from dataclasses import dataclass, field

from resnet_demo.errors import amount
from resnet_demo.runs.gradient_history import relative_norms
from resnet_demo.runs.store import Store

EARLY_STEPS = 20
DIVERGED = 1.5  # recent loss over the lowest it has been
RATIO = 1000.0  # between the relative gradients of the first and the last block
NOTHING_LEARNT = 0.97  # of the loss of guessing
PATIENCE = 2  # epochs that val_loss must have risen


@dataclass(frozen=True)
class Signs:
    """What the sentence is made from; lists are in order of steps or epochs."""

    losses: list[float]  # of training batches
    lr: float | None = None
    num_classes: int = 10
    train_losses: list[float] = field(default_factory=list)  # one an epoch
    val_losses: list[float] = field(default_factory=list)
    first_gradient: float | None = None  # gradient over weight norm, first block
    last_gradient: float | None = None


def signs_of(store: Store) -> Signs:
    lines = store.metrics(("loss", "train_loss", "val_loss"))
    strip = relative_norms(store, -1)
    first = last = None
    blocks = [i for i, name in enumerate(strip["blocks"]) if name.startswith("layer")]
    if strip["steps"] and blocks:  # none where the classifier alone is trained
        first, last = strip["values"][-1][blocks[0]], strip["values"][-1][blocks[-1]]
    return Signs(
        losses=numbers(lines["loss"]),
        lr=store.last("lr"),
        num_classes=len(store.fact("classes") or "0123456789"),
        train_losses=numbers(lines["train_loss"]),
        val_losses=numbers(lines["val_loss"]),
        first_gradient=first,
        last_gradient=last,
    )


def numbers(points: list[tuple[int, float]]) -> list[float]:
    """Values that are finite: SQLite keeps NaN as NULL."""
    return [math.inf if value is None else value for _, value in points]


def diagnose(signs: Signs) -> str:
    """The first of the findings that holds, gravest first."""
    if len(signs.losses) < EARLY_STEPS:
        return "Too early to say: wait for some twenty steps."
    for finding in (diverging, lopsided, not_learning, overfitting):
        sentence = finding(signs)
        if sentence:
            return sentence
    return learning(signs) + (
        f" The first block receives {signs.first_gradient / signs.last_gradient:.2g} times the "
        f"last block's gradient, relative to its weights."
        if signs.first_gradient and signs.last_gradient
        else ""
    )


def learning(signs: Signs) -> str:
    """Only what the numbers carry: below guessing, and below where it began."""
    first, now, chance = signs.losses[0], recent(signs.losses), math.log(signs.num_classes)
    if now > NOTHING_LEARNT * chance:
        return f"Nothing learnt yet: the loss is {now:.2f}, that of guessing is {chance:.2f}."
    if now > NOTHING_LEARNT * first:
        return f"The loss is {now:.2f}, {first:.2f} at first; that of guessing is {chance:.2f}."
    return f"Learning: the loss fell from {first:.2f} to {now:.2f}."


def recent(losses: list[float]) -> float:
    window = losses[-max(10, len(losses) // 20) :]
    return sum(window) / len(window)


def diverging(signs: Signs) -> str:
    width = max(10, len(signs.losses) // 20)
    windows = [
        sum(signs.losses[i : i + width]) / width
        for i in range(0, len(signs.losses) - width + 1, width)
    ]
    now, lowest = recent(signs.losses), min(windows)
    if now > DIVERGED * lowest and now > 0.5 * math.log(signs.num_classes):
        return (
            f"Diverging: the loss rose from {lowest:.2f} to {now:.2f}. "
            f"Lower the learning rate (now {signs.lr or 0:.2g})."
        )
    return ""


def not_learning(signs: Signs) -> str:
    chance = math.log(signs.num_classes)
    if len(signs.train_losses) >= 1 and recent(signs.losses) > NOTHING_LEARNT * chance:
        return (
            f"Not learning: after {amount(len(signs.train_losses), 'epoch')} the loss is "
            f"{recent(signs.losses):.2f}, that of guessing is {chance:.2f}. "
            f"Try another learning rate, or fewer layers."
        )
    return ""


def overfitting(signs: Signs) -> str:
    val = signs.val_losses
    if len(val) <= PATIENCE:
        return ""
    best = val.index(min(val))
    rising = len(val) - 1 - best >= PATIENCE and val[-1] > 1.05 * val[best]
    if rising and signs.train_losses[-1] < signs.train_losses[best]:
        return (
            f"Overfitting since epoch {best + 1}: val_loss rose from {val[best]:.2f} to "
            f"{val[-1]:.2f} while train_loss fell to {signs.train_losses[-1]:.2f}. "
            f"More pictures, more augmentation or fewer epochs help."
        )
    return ""


def lopsided(signs: Signs) -> str:
    if not signs.first_gradient or not signs.last_gradient:
        return ""
    ratio = signs.first_gradient / signs.last_gradient
    if ratio < 1 / RATIO:
        share = f"1/{1 / ratio:,.0f} of"
    elif ratio > RATIO:
        share = f"{ratio:,.0f} times"
    else:
        return ""
    return (
        f"The first block receives {share} the last block's gradient, relative to its weights. "
        f"Shortcuts, or fewer layers, even that out."
    )
