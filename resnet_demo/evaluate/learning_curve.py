"""Would more pictures help? What a classifier reads from features (`linear_probe.readout`) when it
is fitted on a quarter, half and all of the pictures. Errors fall about as a power of the number of
pictures (Hestness et al. 2017, arXiv 1712.00409, section 3): two points foretell how many more."""

import math

import torch
from torch import Tensor

from resnet_demo.evaluate.linear_probe import readout
from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json

SHARES = (0.25, 0.5, 1.0)
DRAWS = 3  # of each smaller share; their mean counts
MOST = 2_000  # pictures to fit on: with more of them it is not cheap any more
FEWEST_VAL = 20
HELPS = 1.0  # points of top-1 from half of the pictures to all
MOST_TIMES = 20.0  # as many pictures: further than this nothing is foretold


def learning_curve(seen: Tensor, labels: Tensor, unseen: Tensor, truth: Tensor) -> Json | None:
    """seen (N, C) and unseen (M, C): features of training and of validation pictures. Returns
    {points: [{n, top1, top1_ci95}], hint}, in percent; None for too few to say, or above MOST."""
    order = torch.randperm(len(labels), generator=torch.Generator().manual_seed(0))
    sizes = [int(len(order) * share) for share in SHARES]
    if len(labels) > MOST or len(truth) < FEWEST_VAL or sizes[0] < 2 * int(labels.max() + 1):
        return None
    points = []
    for size in sizes:
        draws = DRAWS if size < len(order) else 1
        parts = [order.roll(-draw * size)[:size] for draw in range(draws)]
        right = sum(
            int((readout(seen[part], labels[part], unseen) == truth).sum()) for part in parts
        )
        mean = right / draws
        low_high = wilson(round(mean), len(truth))
        points.append({"n": size, "top1": 100 * mean / len(truth), "top1_ci95": list(low_high)})
    return {"points": points, "hint": hint(points)}


def hint(points: list[Json]) -> str:
    quarter, half, full = points
    seen = (
        f"On these features a classifier of half of the pictures is right in {half['top1']:.1f} %, "
        f"of all {full['n']:,} in {full['top1']:.1f} %"
    )
    if full["top1"] == 100:
        return f"{seen}: only a harder test could show what more pictures do."
    if full["top1"] - half["top1"] < HELPS:
        return (
            f"{seen}: more pictures of the same kind would hardly help. Train all of the network."
        )
    return f"{seen}: more pictures will help.{needed(quarter, full)}"


def needed(quarter: Json, full: Json) -> str:
    """For half of the mistakes, by a power law through two points."""
    before, now = (100 - point["top1"] for point in (quarter, full))
    if now <= 0 or before <= now:
        return ""
    power = math.log(before / now) / math.log(full["n"] / quarter["n"])
    times = 2 ** (1 / power)
    if times > MOST_TIMES:
        return ""
    wanted = 10 * round(times * full["n"] / 10)
    return f" Half of the mistakes would need about {wanted:,} of them."
