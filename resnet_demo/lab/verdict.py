"""The verdict in words: does depth hurt plain networks, does it hurt residual ones?

A pure function of the rows. The paper claims yes and no (He et al. 2015, sections 1 and 4.2).
"""

from dataclasses import dataclass
from statistics import mean

from resnet_demo.lab.summary import Row, interval, select

SHOWN, NOT_SHOWN, OPPOSITE = "shown", "not shown at this budget", "the opposite"
WITHIN = 1.0  # points of training error that count as "depth does not hurt"
TRUSTED_SEEDS = 3  # whose mean is taken at its word, to a point
# What another seed may change in the difference of two networks, taken for its interval when there
# is one seed only: in five seeds of `quick` its standard deviation was 4.2 points (`bench lab`).
ONE_SEED_POINTS = 10.0


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

    @property
    def points(self) -> float:
        return mean(self.by_seed.values())

    @property
    def low(self) -> float:
        return bounds(list(self.by_seed.values()))[0]

    @property
    def high(self) -> float:
        return bounds(list(self.by_seed.values()))[1]

    def __str__(self) -> str:
        shallow, deep = self.depths
        return (
            f"{deep} layers end with {self.errors[1]:.1f} % training error, {shallow} layers with "
            f"{self.errors[0]:.1f} %: {self.points:+.1f} points ({seeds(len(self.by_seed))})"
        )


def bounds(points: list[float]) -> tuple[float, float]:
    if len(points) == 1:
        return points[0] - ONE_SEED_POINTS, points[0] + ONE_SEED_POINTS
    return interval(points)


def seeds(count: int) -> str:
    if count == 1:
        return f"one seed, so that less than {ONE_SEED_POINTS:.0f} points would not count"
    return f"{count} seeds"


def verdict(rows: list[Row]) -> list[Finding]:
    """Two findings. Rows without `train_error` are left out; runs that have not finished are to be
    left out by the caller."""
    plain, residual = effect(rows, False), effect(rows, True)
    return [
        Finding("Does depth hurt plain networks?", "The paper says yes", *of_plain(plain)),
        Finding(
            "Does it hurt residual networks?", "The paper says no", *of_residual(residual, plain)
        ),
    ]


def effect(rows: list[Row], residual: bool) -> Effect | None:
    """None without two depths that share a seed."""
    depths = sorted({row["depth"] for row in select(rows, residual)})
    if len(depths) < 2:
        return None
    ends = [
        {row["seed"]: row["train_error"] for row in select(rows, residual, depth)}
        for depth in (depths[0], depths[-1])
    ]
    common = sorted(ends[0].keys() & ends[1].keys())
    if not common:
        return None
    errors = tuple(mean(end[seed] for seed in common) for end in ends)
    by_seed = {seed: ends[1][seed] - ends[0][seed] for seed in common}
    return Effect((depths[0], depths[-1]), errors, by_seed)


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
    common = effect.by_seed.keys() & plain.by_seed.keys() if plain else set()
    if not common:
        return NOT_SHOWN, f"{effect}; it would have to be within {WITHIN:.0f} point."
    lessened = [plain.by_seed[seed] - effect.by_seed[seed] for seed in sorted(common)]
    if bounds(lessened)[1] < 0:
        return OPPOSITE, f"More than plain ones: {effect}."
    return NOT_SHOWN, (
        f"{effect}; it would have to be within {WITHIN:.0f} point. Shortcuts take away "
        f"{mean(lessened):.1f} of the plain networks' {plain.points:.1f} points."
    )
