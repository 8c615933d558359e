"""Convolutions whose weights' gradient is one matrix product where the output is a few pixels.

There oneDNN's own is slow. 512 channels, a batch of 32, 2 x 2 pixels: 14.5 ms where forward takes
3.4 ms and the product 0.9 ms (bfloat16, two cores with AMX); 59, 18 and 11 ms (float32, two cores
with AVX2). `bench train` tells what a whole training gains. A product over all windows of the
input gives the same sums: Chellapilla et al. 2006, High Performance Convolutional Neural Networks
for Document Processing, section 2.1.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.grad import conv2d_input

MOST_PIXELS = {torch.bfloat16: 8 * 8, torch.float32: 4 * 4}  # of the output; oneDNN likes more
FEWEST_CHANNELS = 128  # of the input: with fewer the product is too narrow to pay


def windows(x: Tensor, kernel: int, stride: int) -> Tensor:
    """(B, C, H, W) -> (B * h * w, kernel * kernel * C): what each output pixel looks at."""
    margin = kernel // 2
    padded = F.pad(x.permute(0, 2, 3, 1), (0, 0, margin, margin, margin, margin))
    seen = padded.unfold(1, kernel, stride).unfold(2, kernel, stride)  # (B, h, w, C, k, k)
    return seen.permute(0, 1, 2, 4, 5, 3).reshape(-1, kernel * kernel * x.shape[1])


def weight_gradient(x: Tensor, grad: Tensor, kernel: int, stride: int) -> Tensor:
    """(B, C, H, W), the output's gradient (B, O, h, w) -> the weights' (O, C, kernel, kernel)."""
    channels_in, channels_out = x.shape[1], grad.shape[1]
    rows = grad.permute(0, 2, 3, 1).reshape(-1, channels_out)
    product = rows.t() @ windows(x, kernel, stride)
    return product.view(channels_out, kernel, kernel, channels_in).permute(0, 3, 1, 2)


class FewPixels(torch.autograd.Function):
    """A convolution that keeps the size at stride 1, as `F.conv2d` works it out."""

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
        return to_input, weight_gradient(x, grad, kernel, ctx.stride), None


@torch.fx.wrap  # timm traces networks, and a choice by shape cannot be traced
def conv2d(x: Tensor, weight: Tensor, stride: int) -> Tensor:
    """Also a way past a fault: where a stride meets a single pixel, the gradient of oneDNN (torch
    2.15) in bfloat16 is memory that nobody has written."""
    height, width = x.shape[-2:]
    dtype = torch.bfloat16 if torch.is_autocast_enabled("cpu") else x.dtype
    most = MOST_PIXELS.get(dtype, 0) if x.shape[1] >= FEWEST_CHANNELS else 0
    few = x.device.type == "cpu" and height * width <= max(1, most * stride**2)
    if few and torch.is_grad_enabled() and weight.requires_grad:
        return FewPixels.apply(x, weight, stride)
    return F.conv2d(x, weight, None, stride, weight.shape[-1] // 2)


class Conv2d(nn.Conv2d):
    """Bias-free, padded so that stride 1 keeps the size."""

    def forward(self, x: Tensor) -> Tensor:
        return conv2d(x, self.weight, self.stride[0])


def conv(channels_in: int, channels_out: int, kernel: int, stride: int = 1) -> nn.Conv2d:
    """A bias-free convolution that keeps the size at stride 1."""
    special = kernel > 1 and (stride > 1 or channels_in >= FEWEST_CHANNELS)
    kind = Conv2d if special else nn.Conv2d
    return kind(channels_in, channels_out, kernel, stride, kernel // 2, bias=False)
