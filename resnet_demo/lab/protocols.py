"""What a lab trains: lists of TrainConfigs that differ in `arch` and `seed` only."""

import itertools
import math
from dataclasses import dataclass, field, replace

from resnet_demo.config import CIFAR_DEPTHS, LIMITS, Home, TrainConfig
from resnet_demo.data.sources import count
from resnet_demo.errors import UserError, require_one_of
from resnet_demo.files import Json

MOST_SEEDS = 10

# Section 4.2 but for its schedule: SGD with momentum 0.9, batches of 128, pad-4 crops and flips, He
# initialisation. No block starts as the identity: that would be another experiment.
COMMON: Json = dict(
    px=32,
    start_px=32,
    batch_size=128,
    optimizer="sgd",
    lr=0.1,
    weight_decay=1e-4,
    crop="pad",
    label_smoothing=0.0,
    zero_init=False,
)


@dataclass(frozen=True)
class Protocol:
    """How deep, how often, how long."""

    says: str  # to people
    depths: tuple[int, ...]
    seeds: int
    # Points by which another seed may change the difference of two networks' training errors. Of
    # `quick` about twice its standard deviation of 4.2 over five seeds (`bench lab`); the others'
    # are assumed from how errors shrink and seeds agree (110 layers: 6.61 +- 0.16 in the paper).
    one_seed: float
    settings: Json = field(default_factory=dict)


PROTOCOLS: dict[str, Protocol] = {
    "quick": Protocol(
        "10,000 pictures, 5 epochs: a coffee on 2 cores",
        (20, 56),
        1,
        10.0,
        dict(epochs=5, num_train=10_000, num_val=2_000, warmup=0.1, probe_every=10),
    ),
    "short": Protocol(
        "all pictures, 20 epochs: a night on 2 cores",
        (20, 32, 44, 56),
        3,
        4.0,
        dict(epochs=20, warmup=0.1),
    ),
    "paper": Protocol(
        "section 4.2, 64,000 iterations: days on 2 cores, take a GPU",
        (20, 32, 44, 56, 110),
        1,
        2.0,
        dict(iterations=64_000, schedule="steps", warmup=0.0, probe_every=200),
    ),
}


def configs(
    protocol: str, data: str, home: Home, depths: tuple[int, ...] = (), seeds: int = 0
) -> list[TrainConfig]:
    """Plain and residual at every depth and seed; `depths` and `seeds` replace the protocol's.

    Raises UserError for a depth that is none of section 4.2's, with the reason.
    """
    require_one_of("protocol", protocol, tuple(PROTOCOLS))
    chosen = PROTOCOLS[protocol]
    base = TrainConfig(data=data, **COMMON | chosen.settings)
    if base.iterations:
        _, train, _ = count(base, home)
        epochs = math.ceil(base.iterations / base.num_batches(train))
        base = replace(base, epochs=min(epochs, int(LIMITS["epochs"][1])))
    for depth in depths:
        check_depth(depth)
    if not 0 <= seeds <= MOST_SEEDS:
        raise UserError(f"seeds must lie between 1 and {MOST_SEEDS}. Got {seeds}.")
    every = itertools.product(
        sorted(set(depths)) or chosen.depths, range(seeds or chosen.seeds), ("plain", "resnet")
    )
    return [replace(base, arch=f"{kind}{depth}", seed=seed) for depth, seed, kind in every]


def check_depth(depth: int) -> None:
    if depth not in CIFAR_DEPTHS:
        near = sorted(CIFAR_DEPTHS, key=lambda known: abs(known - depth))[:2]
        raise UserError(
            f"{depth} layers cannot be built: section 4.2 stacks 3 stages of n blocks of 2 layers, "
            f"6n + 2 in all. Near depths here: {min(near)} and {max(near)}."
        )


def depths_in(text: str) -> tuple[int, ...]:
    """From "20,56"; raises UserError for what is no number."""
    try:
        return tuple(int(word) for word in text.split(",") if word.strip())
    except ValueError:
        raise UserError(f"Depths are numbers with commas, as in 20,56. Got '{text}'.") from None
