"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, section 3), at any
block, and whether that is what it goes by."""

import numpy as np
import torch
from PIL import Image, ImageFilter
from torch import Tensor, nn

from resnet_demo.models.network import Network
from resnet_demo.probe.anatomy import anatomy, walk

# From cold to hot, for the heat map over a picture: (share of the largest value, RGB).
HEAT = ((0.0, (0, 0, 130)), (0.35, (0, 200, 255)), (0.65, (255, 230, 0)), (1.0, (200, 0, 0)))
OPACITY = 0.5
DELETED = 0.2  # share of the picture that is blurred
BLUR = 1 / 10  # of the side
RANDOM_MAPS = 4
BATCH = 16


def grad_cam(model: nn.Module, images: Tensor, target: int) -> np.ndarray:
    """images: (1, 3, H, W); target: the class asked about. Returns float32 (h, w) in 0..1, of the
    last block's size.

    The model is left as it was: no gradient is kept, its parameters are not asked for one.
    """
    view = anatomy(model)
    with torch.no_grad():
        *_, last = walk(view, images)
    with torch.enable_grad():
        maps = last.out.detach().requires_grad_()
        return cams([maps], view.head(maps)[0, target])[0]


def cams(maps: list[Tensor], logit: Tensor) -> list[np.ndarray]:
    """Each block's maps (1, C, h, w) weighted by the mean gradient of the class's logit, negative
    sums at zero, over the largest: (h, w) in 0..1. The graph is kept."""
    gradients = torch.autograd.grad(logit, maps, retain_graph=True)
    computed = []
    for activation, gradient in zip(maps, gradients):
        cam = (gradient.mean((2, 3), keepdim=True) * activation.detach()).sum(1)[0].relu()
        computed.append((cam / cam.max().clamp(min=1e-12)).cpu().numpy())
    return computed


def enlarged(cam: np.ndarray, side: tuple[int, int]) -> np.ndarray:
    """(h, w) -> (side) in 0..1."""
    large = Image.fromarray(cam).resize(side[::-1], Image.Resampling.BICUBIC)
    return np.clip(np.asarray(large), 0, 1)


def overlay(seen: np.ndarray, cam: np.ndarray) -> np.ndarray:
    """seen: uint8 (px, px, 3); cam: (h, w) in 0..1. The picture with the heat map over it."""
    values = enlarged(cam, seen.shape[:2])
    points = [point for point, _ in HEAT]
    colours = np.array([colour for _, colour in HEAT])  # (points, 3)
    heat = np.stack([np.interp(values, points, channel) for channel in colours.T], axis=-1)
    return ((1 - OPACITY) * seen + OPACITY * heat).astype(np.uint8)


# --- is it what the network goes by? -----------------------------------------------------------


def deletion(
    network: Network, seen: np.ndarray, maps: list[np.ndarray], target: int
) -> list[dict[str, float | None]]:
    """For each map the share of the class's probability that is left when the top DELETED of the
    map is blurred in the picture, and the mean of that for random maps of its resolution.

    After Petsiuk et al. 2018 (arXiv 1806.07421), section 4.1, at one point of their curve.
    A map that is zero everywhere has none.
    """
    sizes = sorted({heat.shape for heat in maps})
    random = np.random.default_rng(0)
    noise = [random.random((RANDOM_MAPS, *size), np.float32) for size in sizes]
    pictures = [
        blur_most_salient(seen, heat) for heat in [*maps, *(n for some in noise for n in some)]
    ]
    kept = probabilities(network, np.stack([seen, *pictures]), target)
    kept = kept[1:] / max(float(kept[0]), 1e-12)
    by_size = dict(zip(sizes, kept[len(maps) :].reshape(len(sizes), RANDOM_MAPS).mean(1)))
    return [
        {
            "deletion": float(kept[index]) if heat.max() > 0 else None,
            "deletion_random": float(by_size[heat.shape]),
        }
        for index, heat in enumerate(maps)
    ]


def blur_most_salient(seen: np.ndarray, cam: np.ndarray) -> np.ndarray:
    """The picture with its most looked-at part blurred: uint8 (px, px, 3)."""
    picture = Image.fromarray(seen)
    blurred = np.asarray(picture.filter(ImageFilter.GaussianBlur(BLUR * seen.shape[0])))
    values = enlarged(cam, seen.shape[:2]).ravel()
    top = np.argsort(-values, kind="stable")[: round(DELETED * values.size)]
    out = seen.reshape(-1, 3).copy()
    out[top] = blurred.reshape(-1, 3)[top]
    return out.reshape(seen.shape)


def probabilities(network: Network, seen: np.ndarray, target: int) -> np.ndarray:
    """seen: uint8 (B, px, px, 3). Of the class `target`: (B,)."""
    parts = []
    with torch.no_grad():
        for start in range(0, len(seen), BATCH):
            logits = network.model(network.normalise(seen[start : start + BATCH]))
            parts.append(network.probabilities(logits)[:, target].numpy())
    return np.concatenate(parts)
