"""Convolutions that are matrix products where they have few pixels.

There oneDNN's own are slow. 512 channels, a batch of 32, 2 x 2 pixels (bfloat16, two cores with
AMX): forward takes 6.9 ms, backward 28, as products 3.3 and 4.8; with 4 x 4 pixels 11.5 and 41 ms,
as products 10 and 12. `bench train` tells what a whole training gains. A product over all windows
of the input gives the same sums: Chellapilla et al. 2006, High Performance Convolutional Neural
Networks for Document Processing, section 2.1.
"""

from itertools import product
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

ALL_PRODUCTS = 4 * 4  # pixels of the output up to which forward and backward are products
WEIGHT_PRODUCT = 8 * 8  # in bfloat16, up to which the weights' gradient alone is one
FEWEST_CHANNELS = 128  # of the input: with fewer the product is too narrow to pay


def windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """(B, C, H, W) -> (B * h * w, kernel * kernel * C): what each output pixel looks at."""
    margin = kernel // 2
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    seen = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # (B, h, w, C, k, k)
    return seen.permute(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * x.shape[1])


def spread(seen: Tensor, shape: torch.Size, kernel: int, stride: int) -> Tensor:
    """The way back from `windows`: each pixel's sum over all that looked at it, `shape` again.
    Added up in float32, as oneDNN does."""
    batch, channels, height, width = shape
    margin = kernel // 2
    down, across = (side + 2 * margin for side in (height, width))
    sums = torch.promote_types(seen.dtype, torch.float32)
    padded = seen.new_zeros(batch, down, across, channels, dtype=sums)
    looks = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # (B, h, w, C, k, k)
    parts = seen.view(*looks.shape[:3], kernel, kernel, channels)
    for row, column in product(range(kernel), repeat=2):
        looks[..., row, column] += parts[:, :, :, row, column]
    inner = padded[:, margin : margin + height, margin : margin + width]
    return inner.to(seen.dtype).permute(0, 3, 1, 2)


def rows_of(images: Tensor) -> Tensor:
    """(B, C, H, W) -> (B * H * W, C)."""
    return images.permute(0, 2, 3, 1).reshape(-1, images.shape[1])


def matrix_of(weight: Tensor) -> Tensor:
    """(O, C, k, k) -> (O, k * k * C), in `windows`' order; a view where channels come last."""
    return weight.permute(0, 2, 3, 1).reshape(weight.shape[0], -1)


def weight_gradient(seen: Tensor, grad: Tensor, shape: torch.Size) -> Tensor:
    """`windows` of the input and the output's gradient (B, O, h, w) -> the weights', of `shape`."""
    channels_out, channels_in, kernel, _ = shape
    sums = rows_of(grad).t() @ seen
    return sums.view(channels_out, kernel, kernel, channels_in).permute(0, 3, 1, 2)


class AllProducts(torch.autograd.Function):
    """A convolution that keeps the size at stride 1: `F.conv2d` and its gradients as products."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        seen, matrix = windows(x, weight.shape[-1], stride), matrix_of(weight)
        ctx.save_for_backward(seen, matrix)
        ctx.of_input, ctx.of_weight, ctx.stride = x.shape, weight.shape, stride
        height, width = (-(-side // stride) for side in x.shape[-2:])
        return (seen @ matrix.t()).view(len(x), height, width, -1).permute(0, 3, 1, 2)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor | None, None]:
        seen, matrix = ctx.saved_tensors
        to_windows = rows_of(grad) @ matrix
        to_input = spread(to_windows, ctx.of_input, ctx.of_weight[-1], ctx.stride)
        learns = ctx.needs_input_grad[1]
        to_weight = weight_gradient(seen, grad, ctx.of_weight) if learns else None
        return to_input, to_weight, None


class WeightProduct(torch.autograd.Function):
    """The same, as `F.conv2d` works it out but for the weights' gradient."""

    @staticmethod
    @torch.amp.custom_fwd(device_type="cpu", cast_inputs=torch.bfloat16)  # type: ignore[untyped-decorator]
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride = stride
        return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)

    @staticmethod
    @torch.amp.custom_bwd(device_type="cpu")  # type: ignore[untyped-decorator]
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None]:
        x, weight = ctx.saved_tensors
        kernel = weight.shape[-1]
        to_input = conv2d_input(x.shape, weight, grad, ctx.stride, kernel // 2)
        return to_input, weight_gradient(windows(x, kernel, ctx.stride), grad, weight.shape), None


def products(x: Tensor, stride: int) -> type[torch.autograd.Function] | None:
    """The way of a training step for this input; None is the usual one."""
    pixels = x.shape[-2] * x.shape[-1] / stride**2
    wide = x.shape[1] >= FEWEST_CHANNELS
    in_bfloat16 = torch.is_autocast_enabled("cpu") or x.dtype == torch.bfloat16
    if x.device.type != "cpu":
        return None
    if x.shape[-2:].numel() == 1 or (wide and pixels <= ALL_PRODUCTS):
        return AllProducts
    return WeightProduct if wide and in_bfloat16 and pixels <= WEIGHT_PRODUCT else None


def conv2d(x: Tensor, weight: Tensor, stride: int, training: bool) -> Tensor:
    """Also a way past a fault: where a stride meets a single pixel, the gradient of oneDNN (torch
    2.15) in bfloat16 is memory that nobody has written. Only while training: what exports a
    network finds convolutions in it."""
    learns = training and torch.is_grad_enabled()
    way = products(x, stride) if learns and (x.requires_grad or weight.requires_grad) else None
    if way is AllProducts or (way and weight.requires_grad):
        return way.apply(x, weight, stride)
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)


class Conv2d(nn.Conv2d):
    """Bias-free, padded so that stride 1 keeps the size."""

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.stride[0], self.training)


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A bias-free convolution that keeps the size at stride 1."""
    special = channels_in >= FEWEST_CHANNELS or (kernel > 1 and stride > 1)
    kind = Conv2d if special else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
