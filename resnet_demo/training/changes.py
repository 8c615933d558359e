"""Settings that a person changes while a run is on. Imports no torch."""

from collections.abc import Iterable
from dataclasses import replace
from typing import NamedTuple

from resnet_demo.config import TrainConfig
from resnet_demo.errors import UserError, require_one_of

CHANGEABLE = ("lr", "epochs")


class Change(NamedTuple):
    """A setting that a person changed: in force from `step` on."""

    step: int
    name: str
    value: float


def changed(config: TrainConfig, name: str, text: str) -> TrainConfig:
    """What a person asks for in "lr=0.01"; raises UserError when it makes no sense."""
    require_one_of("setting to change", name, CHANGEABLE)
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{name} must be a number. Got '{text}'.") from None
    if name == "epochs" and not value.is_integer():  # nor are NaN and infinity
        raise UserError(f"epochs must be a whole number. Got {text}.")
    return with_changes(config, [(0, name, value)])


def with_changes(config: TrainConfig, changes: Iterable[tuple[int, str, float]]) -> TrainConfig:
    """The configuration after changes (step, setting, value), in their order."""
    made = {name: type(getattr(config, name))(value) for _, name, value in changes}
    return replace(config, **made) if made else config
