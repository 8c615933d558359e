"""Gradients before any training: what depth does to plain and to residual networks.

He init, batch normalisation in train mode, one batch: gradients of plain networks grow toward the
picture with every layer (they explode, not vanish); shortcuts hold that back. Compare Yang et al.
2019 (arXiv 1902.08129) and De & Smith 2020 (arXiv 2002.10444).
"""

import itertools
from collections.abc import Generator

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_demo.files import Json
from resnet_demo.models import build
from resnet_demo.probe.gradients import norm
from resnet_demo.progress import Progress

DEPTHS = (20, 56, 110)
SEEDS = (0, 1, 2)
BATCH, CLASSES = 70, 10


def initialisation(
    images: Tensor, labels: Tensor, depths: tuple[int, ...] = DEPTHS, seeds: tuple[int, ...] = SEEDS
) -> Generator[Progress, None, list[Json]]:
    """images: normalised (B, 3, 32, 32), labels (B,). Return rows
    {arch, depth, residual, seed, ratio, blocks: {name: relative gradient norm}}."""
    nets = list(itertools.product(("plain", "resnet"), depths, seeds))
    rows = []
    for done, (kind, depth, seed) in enumerate(nets):
        yield "Measuring gradients at initialisation", done, len(nets)
        ratio, blocks = gradient_ratio(f"{kind}{depth}", seed, images, labels)
        about = {"arch": f"{kind}{depth}", "depth": depth, "residual": kind == "resnet"}
        rows.append({**about, "seed": seed, "ratio": ratio, "blocks": blocks})
    return rows


def gradient_ratio(
    arch: str, seed: int, images: Tensor, labels: Tensor
) -> tuple[float, dict[str, float]]:
    """||g|| / ||w|| of the first block's first convolution over that of the last convolution; and
    of every block's first convolution."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = build(arch, CLASSES).train()
    blocks = dict(model.blocks())
    last = list(blocks.values())[-1].conv2.weight
    weights = [block.conv1.weight for block in blocks.values()] + [last]
    with torch.enable_grad():
        loss = F.cross_entropy(model(images), labels)
        gradients = torch.autograd.grad(loss, weights)
    relative = [norm([g]) / norm([w.detach()]) for g, w in zip(gradients, weights)]
    return relative[0] / relative[-1], dict(zip(blocks, relative))
