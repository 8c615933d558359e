"""Loss around a trained network: slices along random, filter-normalised directions.

Li et al. 2018 (arXiv 1712.09913), section 4: each filter of a direction is given the norm of the
network's own filter, so that slices of different networks can be compared. Biases and norms stay
where they are, and so do batch norm's running statistics.
"""

import math
from collections.abc import Generator

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import open_data
from resnet_demo.data.augment import normalise
from resnet_demo.data.pixel_cache import load_pixels
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.models import reference
from resnet_demo.progress import Progress
from resnet_demo.runs import control, measurements
from resnet_demo.runs.store import Store

SIDE = 21  # points along each direction; odd, so that the network itself is one of them
REACH = 1.0  # how far they go, in norms of the filters
PICTURES = 1000  # of the training pictures, without augmentation
BATCH = 250
SEED = 0  # of the directions


def landscape(home: Home, run: str) -> Generator[Progress, None, Json]:
    """Compute what is missing of a run's slice, row by row, and keep it in the run's folder.

    Returns {run, arch, n, side, reach, losses[row][column]}, None where the loss is not finite; the
    middle row and the middle column are the two slices along one direction. Raises UserError when
    the run has no weights yet.
    """
    with Store(control.run_folder(home, run)) as store:
        config: TrainConfig = store.config
    if control.read_run(home, run).state != "finished":
        raise UserError(f"Run {run} has not finished; its slice is taken from its last weights.")
    slice_so_far = measurements.read(home, run, measurements.LANDSCAPE) or {"losses": []}
    losses: list[list[float | None]] = slice_so_far["losses"]
    if len(losses) < SIDE:
        device.prepare()
        on = device.device()
        images, labels = (part.to(on) for part in (yield from pictures(config, home)))
        model = reference.ready(f"run:{run}@last", home).model
        about = {"run": run, "arch": config.arch, "n": len(labels), "side": SIDE, "reach": REACH}
        for done, loss in enumerate(slices(model, images, labels, len(losses)), 1):
            if (done - 1) % SIDE == 0:
                losses.append([])
            losses[-1].append(loss if math.isfinite(loss) else None)
            if done % SIDE == 0:
                slice_so_far = {**about, "losses": losses}
                measurements.write(home, run, measurements.LANDSCAPE, slice_so_far)
            yield f"Loss around {config.arch}", len(losses[:-1]) * SIDE + len(losses[-1]), SIDE**2
    return slice_so_far


def pictures(config: TrainConfig, home: Home) -> Generator[Progress, None, tuple[Tensor, Tensor]]:
    """Training pictures of the run, the same ones for every network: (N, 3, px, px), (N,)."""
    used = (yield from open_data(config.data, home)).used_by(config)
    train, _ = yield from load_pixels(used, config, home)
    chosen = np.sort(np.random.default_rng(SEED).permutation(len(train))[:PICTURES])
    images = torch.from_numpy(train.images[chosen]).permute(0, 3, 1, 2)
    return normalise(images), torch.from_numpy(train.labels[chosen])


def slices(
    model: nn.Module, images: Tensor, labels: Tensor, first_row: int = 0, side: int = SIDE
) -> Generator[float, None, None]:
    """Mean loss at `weights + a * one + b * two`, row (b) by row, from a corner at -REACH on."""
    centre = [weight.detach().clone() for weight in weights_of(model)]
    one, two = (direction(centre, seed) for seed in (SEED, SEED + 1))
    places = np.linspace(-REACH, REACH, side).tolist()
    for b in places[first_row:]:
        for a in places:
            move(model, centre, one, two, a, b)
            yield mean_loss(model, images, labels)


def weights_of(model: nn.Module) -> list[nn.Parameter]:
    """What is moved: convolutions and the classifier's matrix."""
    return [parameter for parameter in model.parameters() if parameter.ndim > 1]


def direction(centre: list[Tensor], seed: int) -> list[Tensor]:
    """Gaussian, then every filter (first dimension) scaled to the norm of the network's filter."""
    random = torch.Generator().manual_seed(seed)
    parts = []
    for weight in centre:
        noise = torch.randn(weight.shape, generator=random).to(weight.device)
        dims = tuple(range(1, weight.ndim))
        parts.append(noise * (norms(weight, dims) / norms(noise, dims)))
    return parts


def norms(weight: Tensor, dims: tuple[int, ...]) -> Tensor:
    return weight.pow(2).sum(dims, keepdim=True).sqrt()


def move(
    model: nn.Module, centre: list[Tensor], one: list[Tensor], two: list[Tensor], a: float, b: float
) -> None:
    with torch.no_grad():
        for weight, at, first, second in zip(weights_of(model), centre, one, two):
            weight.copy_(at + a * first + b * second)


def mean_loss(model: nn.Module, images: Tensor, labels: Tensor) -> float:
    """In eval mode: batch norm as it was trained."""
    total = 0.0
    with torch.inference_mode(), device.autocast(images.device):
        for start in range(0, len(labels), BATCH):
            part = slice(start, start + BATCH)
            logits = model.eval()(images[part]).float()
            total += F.cross_entropy(logits, labels[part], reduction="sum").item()
    return total / len(labels)
