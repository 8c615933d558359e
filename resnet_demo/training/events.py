"""What a training tells whoever consumes it."""

from dataclasses import dataclass

from resnet_demo.errors import UserError


class Diverged(UserError):
    """Loss or gradient stopped being a number; the weights are those of before the step."""

    @classmethod
    def at(cls, step: int, what: str, lr: float, advised: float) -> "Diverged":
        return cls(
            f"{what} stopped being a finite number at step {step} (learning rate {lr:.3g}). Choose "
            f"a lower lr, {advised:.3g} say, and resume: the run goes back to the end of its last "
            f"sound epoch."
        )


@dataclass(frozen=True)
class StepDone:
    """One batch trained; `step` counts from 1."""

    step: int
    metrics: dict[str, float]


@dataclass(frozen=True)
class Validating:
    """`done` of `total` validation pictures seen."""

    done: int
    total: int


@dataclass(frozen=True)
class EpochDone:
    """An epoch trained and validated; `epoch` counts from 1."""

    epoch: int
    step: int
    metrics: dict[str, float]


Event = StepDone | Validating | EpochDone
