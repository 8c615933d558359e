"""Where a network looks: Grad-CAM (Selvaraju et al. 2017, arXiv 1610.02391, section 3)."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from resnet_demo.models.resnet import ResNet

# From cold to hot, for the heat map over a picture: (share of the largest value, RGB).
HEAT = ((0.0, (0, 0, 130)), (0.35, (0, 200, 255)), (0.65, (255, 230, 0)), (1.0, (200, 0, 0)))
OPACITY = 0.5


def grad_cam(model: nn.Module, images: Tensor, target: int) -> np.ndarray:
    """images: (1, 3, H, W); target: the class asked about. Returns float32 (h, w) in 0..1, of the
    last block's size: its maps weighted by the mean gradient of the class's logit.

    The model is left as it was: no gradient is kept, its parameters are not asked for one.
    """
    with torch.no_grad():
        maps = features(model, images)
    with torch.enable_grad():
        maps = maps.detach().requires_grad_()
        (gradient,) = torch.autograd.grad(head(model, maps)[0, target], maps)
    weights = gradient.mean((2, 3), keepdim=True)
    cam = (weights * maps.detach()).sum(1)[0].relu()
    return (cam / cam.max().clamp(min=1e-12)).numpy()


def features(model: nn.Module, images: Tensor) -> Tensor:
    """The last block's output: (B, C, h, w)."""
    if not isinstance(model, ResNet):
        return model.forward_features(images)  # timm
    maps = images
    for name, x in model.walk(images):
        if name != "fc":
            maps = x
    return maps


def head(model: nn.Module, maps: Tensor) -> Tensor:
    """From the last block's output to the logits."""
    return model.head(maps) if isinstance(model, ResNet) else model.forward_head(maps)


def overlay(seen: np.ndarray, cam: np.ndarray) -> np.ndarray:
    """seen: uint8 (px, px, 3); cam: (h, w) in 0..1. The picture with the heat map over it."""
    large = Image.fromarray(cam).resize(seen.shape[1::-1], Image.Resampling.BICUBIC)
    values = np.clip(np.asarray(large), 0, 1)
    points, colours = zip(*HEAT)
    heat = np.stack([np.interp(values, points, channel) for channel in zip(*colours)], axis=-1)
    return np.uint8((1 - OPACITY) * seen + OPACITY * heat)
