"""How long a run still takes. Imports no torch."""

from collections.abc import Iterable
from typing import Any

from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.training.schedule import px_at


def seconds_left(
    snapshot: RunSnapshot[Any], others: Iterable[RunSnapshot[Any] | None]
) -> int | None:
    """Of a run and all that are trained in turns with it: they end together. None when it does not
    train."""
    own = remaining_seconds(snapshot)
    return own and own + sum(remaining_seconds(other) or 0 for other in others if other)


def remaining_seconds(snapshot: RunSnapshot[Any]) -> int | None:
    """Work left, in pictures weighted by their area, at the speed of the last steps."""
    row, config, rate = snapshot.row, snapshot.config, snapshot.images_per_s
    if row.state != "running" or not rate or not row.steps or not row.epochs:
        return None
    start_px = min(config.start_px, row.px)
    per_epoch = row.steps / row.epochs
    areas = [px_at(e / row.epochs, start_px, row.px) ** 2 for e in range(row.epochs)]
    done = row.step / per_epoch
    left = sum(
        area * max(0.0, min(1.0, index + 1 - done)) * per_epoch for index, area in enumerate(areas)
    )
    now = areas[min(int(done), row.epochs - 1)]
    validations = (row.epochs - row.epoch) * (snapshot.epoch_metrics.get("val_seconds") or 0)
    return round(left / now * config.batch_size / rate + validations)
