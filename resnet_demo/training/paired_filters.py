"""Filters in pairs: a network that sees a picture and its mirror image alike (group
convolution of Cohen & Welling 2016, arXiv 1602.07576, for the group of horizontal flips).

Channel i and channel i + C / 2 of every layer are mirror images of each other, so half of the
weights decide the other half. They are an ordinary network's weights all the same: what reads,
exports or looks into networks need not know. Every step teaches what its pictures' mirror images
would have taught. (A layer with stride 2 looks at every second pixel, the mirrored picture's are
the others: alike but for a pixel.)
"""

import torch
from torch import Tensor, nn

CLASSIFIER = "fc."
PICTURE_CHANNELS = 3


def flipped(name: str, values: Tensor) -> Tensor:
    """What a parameter, its gradient or a norm's average is in the network that sees pictures the
    other way round."""
    if name.startswith(CLASSIFIER):
        return swapped(values, 1) if values.ndim == 2 else values
    if values.ndim == 0:  # batch norm's counter
        return values
    values = swapped(values, 0)
    if values.ndim == 4:  # a convolution: (out, in, rows, columns)
        values = values.flip(3)
        return values if values.shape[1] == PICTURE_CHANNELS else swapped(values, 1)
    return values


def swapped(values: Tensor, dim: int) -> Tensor:
    """Each channel in the place of its mirror image."""
    return values.roll(values.shape[dim] // 2, dim)


@torch.no_grad()
def pair_up(model: nn.Module) -> None:
    """The nearest network whose filters are paired, drawn weights as large as they were."""
    for name, p in model.named_parameters():
        size = p.norm()
        p.add_(flipped(name, p))
        p.mul_(size / p.norm().clamp(min=torch.finfo(p.dtype).tiny))


@torch.no_grad()
def pair_up_gradients(model: nn.Module) -> None:
    """As half of the weights are, so are their gradients."""
    for name, p in model.named_parameters():
        if p.grad is not None:
            p.grad.add_(flipped(name, p.grad)).mul_(0.5)


@torch.no_grad()
def keep_paired(model: nn.Module) -> None:
    """Take off what rounding, and norms that see no mirror images, have added since."""
    for name, values in [*model.named_parameters(), *model.named_buffers()]:
        if values.is_floating_point():
            values.add_(flipped(name, values)).mul_(0.5)
