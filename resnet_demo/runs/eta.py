"""How long a run still takes. Imports no torch."""

import math
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.training.schedule import fitting_batch, px_at


def seconds_left(
    snapshot: RunSnapshot[Any], others: Iterable[RunSnapshot[Any] | None]
) -> int | None:
    """Of a run and all that are trained in turns with it: they end together. None when it does not
    train."""
    own = remaining_seconds(snapshot)
    return own and own + sum(remaining_seconds(other) or 0 for other in others if other)


def remaining_seconds(snapshot: RunSnapshot[Any]) -> int | None:
    """Work left, in pictures weighted by their area, at the speed of the last steps."""
    row, rate, num_train = snapshot.row, snapshot.images_per_s, snapshot.facts.get("num_train")
    if row.state != "running" or not rate or not row.steps or not num_train:
        return None
    config = snapshot.config
    batch_size = fitting_batch(config, num_train)
    per_epoch = replace(config, batch_size=batch_size).num_batches(num_train)
    present, end = row.step // per_epoch, math.ceil(row.steps / per_epoch)

    def area(epoch: int) -> int:
        return px_at(epoch / row.epochs, min(config.start_px, row.px), row.px) ** 2

    def steps_left(epoch: int) -> int:
        return min(row.steps, (epoch + 1) * per_epoch) - max(row.step, epoch * per_epoch)

    left = sum(area(epoch) * steps_left(epoch) for epoch in range(present, end))
    now = area(min(present, end - 1))
    validations = (end - row.epoch) * (snapshot.epoch_metrics.get("val_seconds") or 0)
    return round(left / now * batch_size / rate + validations)
