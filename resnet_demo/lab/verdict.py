"""The verdict in words: does depth hurt plain networks, does it hurt residual ones?

A pure function of the rows. The paper claims yes and no (He et al. 2015, sections 1 and 4.2).
"""

import math
from dataclasses import dataclass
from statistics import mean

from resnet_demo.evaluate.statistics import interval
from resnet_demo.lab.summary import Row, depths_of, train_errors

SHOWN, NOT_SHOWN, OPPOSITE = "shown", "not shown at this budget", "the opposite"
WITHIN = 1.0  # points of training error that count as "depth does not hurt"
TRUSTED_SEEDS = 3  # whose mean is taken at its word, to a point


@dataclass(frozen=True)
class Finding:
    """One line of the verdict."""

    question: str
    claim: str  # the paper's answer
    outcome: str  # SHOWN, NOT_SHOWN or OPPOSITE of it
    why: str


@dataclass(frozen=True)
class Effect:
    """What depth does: training error of the deepest minus that of the shallowest, in points."""

    depths: tuple[int, int]
    errors: tuple[float, float]
    by_seed: dict[int, float]
    one_seed: float  # points that another seed may change, see `Protocol`

    @property
    def points(self) -> float:
        return mean(self.by_seed.values())

    @property
    def low(self) -> float:
        return bounds(list(self.by_seed.values()), self.one_seed)[0]

    @property
    def high(self) -> float:
        return bounds(list(self.by_seed.values()), self.one_seed)[1]

    def __str__(self) -> str:
        shallow, deep = self.depths
        return (
            f"{deep} layers end with {self.errors[1]:.1f} % training error, {shallow} layers with "
            f"{self.errors[0]:.1f} %: {self.points:+.1f} points ({self.certainty()})"
        )

    def certainty(self) -> str:
        count = len(self.by_seed)
        if count >= TRUSTED_SEEDS:
            return f"95 % interval {self.low:+.1f} to {self.high:+.1f}, {count} seeds"
        seeds = "one seed" if count == 1 else "two seeds"
        return f"{seeds}, others may differ by {self.high - self.points:.0f}"


def bounds(points: list[float], one_seed: float) -> tuple[float, float]:
    """Student's interval from three seeds on; of fewer, what seeds are known to do."""
    if len(points) >= TRUSTED_SEEDS:
        return interval(points)
    width = one_seed / math.sqrt(len(points))
    return mean(points) - width, mean(points) + width


def verdict(rows: list[Row], one_seed: float) -> list[Finding]:
    """Two findings, with `one_seed` of the protocol. Rows without `train_error` are left out; runs
    that have not finished are to be left out by the caller."""
    plain, residual = effect(rows, False, one_seed), effect(rows, True, one_seed)
    return [
        Finding("Does depth hurt plain networks?", "The paper says yes", *of_plain(plain)),
        Finding(
            "Does it hurt residual networks?", "The paper says no", *of_residual(residual, plain)
        ),
    ]


def effect(rows: list[Row], residual: bool, one_seed: float) -> Effect | None:
    """None without two depths that share a seed."""
    depths = depths_of(rows, residual)
    if len(depths) < 2:
        return None
    ends = [train_errors(rows, residual, depth) for depth in (depths[0], depths[-1])]
    common = sorted(ends[0].keys() & ends[1].keys())
    if not common:
        return None
    shallow, deep = (mean(end[seed] for seed in common) for end in ends)
    by_seed = {seed: ends[1][seed] - ends[0][seed] for seed in common}
    return Effect((depths[0], depths[-1]), (shallow, deep), by_seed, one_seed)


MISSING = "Two depths of this kind must be trained to their end with the same seed."


def of_plain(effect: Effect | None) -> tuple[str, str]:
    if effect is None:
        return NOT_SHOWN, MISSING
    if effect.low > 0:
        return SHOWN, f"Yes: {effect}."
    if effect.high < 0:
        return OPPOSITE, f"It helps: {effect}."
    return NOT_SHOWN, f"Too close to call: {effect}."


def of_residual(effect: Effect | None, plain: Effect | None) -> tuple[str, str]:
    """The opposite is shown when shortcuts lessen nothing of what depth does to plain networks."""
    if effect is None:
        return NOT_SHOWN, MISSING
    if effect.high <= WITHIN or (effect.points <= WITHIN and len(effect.by_seed) >= TRUSTED_SEEDS):
        return SHOWN, f"No: {effect}."
    if effect.points <= WITHIN:
        return NOT_SHOWN, f"It seems not, but {TRUSTED_SEEDS} seeds are needed to say so: {effect}."
    lessened = differences(plain, effect)
    if plain is None or not lessened:
        return NOT_SHOWN, f"{effect}; it would have to be within {WITHIN:.0f} point."
    if bounds(lessened, effect.one_seed)[1] < 0:
        return OPPOSITE, f"More than plain ones: {effect}."
    return NOT_SHOWN, (
        f"{effect}; it would have to be within {WITHIN:.0f} point. Shortcuts take away "
        f"{mean(lessened):.1f} of the plain networks' {plain.points:.1f} points."
    )


def differences(plain: Effect | None, residual: Effect) -> list[float]:
    """Points that depth costs plain networks more, seed by seed; none when they differ in depth."""
    if plain is None or plain.depths != residual.depths:
        return []
    common = sorted(plain.by_seed.keys() & residual.by_seed.keys())
    return [plain.by_seed[seed] - residual.by_seed[seed] for seed in common]
