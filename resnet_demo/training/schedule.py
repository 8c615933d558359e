"""Learning rate and picture side over a run, as pure functions of progress in 0..1; and its batch
size."""

import math
from dataclasses import dataclass, field
from statistics import mean

from resnet_demo.config import TrainConfig

HARD_DEPTH = 110  # the rate is too large to begin with (section 4.2)
EASY_ERROR = 80.0  # percent of training pictures
RECENT = 20  # batches whose mean error counts


def lr_at(progress: float, config: TrainConfig) -> float:
    if config.schedule == "steps":
        return steps(progress, config.lr)
    return linear(progress, config.lr, config.warmup)


def steps(progress: float, peak: float) -> float:
    """He et al. 2015, section 4.2: divided by 10 at 32k and 48k of 64k iterations."""
    return peak / 10 ** ((progress >= 1 / 2) + (progress >= 3 / 4))


def linear(progress: float, peak: float, warmup: float) -> float:
    """From zero to `peak` in the first `warmup` share of training, then to zero."""
    if progress < warmup:
        return peak * progress / warmup
    return peak * (1 - progress) / (1 - warmup)


def px_at(progress: float, start_px: int, px: int) -> int:
    """Side of the training pictures: grows in steps of 16 during the first 40 % of the epochs
    (progressive resizing)."""
    share = min(1.0, progress / 0.4)
    grown = start_px + (px - start_px) * share
    return px if share == 1.0 else min(px, max(start_px, round(grown / 16) * 16))


def fitting_batch(config: TrainConfig, num_train: int) -> int:
    """The batch size, or less where there are not as many pictures: then four batches an epoch.

    A size that was chosen stays, to be refused when it is too large.
    """
    if config.batch_size != TrainConfig.batch_size or num_train >= config.batch_size:
        return config.batch_size
    return max(2, 2 ** int(math.log2(max(num_train // 4, 1))))


@dataclass
class GentleStart:
    """Section 4.2 of 110 layers: "we use 0.01 to warm up the training until the training error is
    below 80% (about 400 iterations), and then go back to 0.1"."""

    on: bool
    errors: list[float] = field(default_factory=list)  # percent, of the newest batches

    @classmethod
    def of(cls, config: TrainConfig) -> "GentleStart":
        return cls(config.schedule == "steps" and config.depth >= HARD_DEPTH)

    @property
    def factor(self) -> float:
        return 0.1 if self.on else 1.0

    def see(self, error: float) -> None:
        if self.on:
            self.errors = [*self.errors, error][-RECENT:]
            self.on = len(self.errors) < RECENT or mean(self.errors) >= EASY_ERROR
