import math

import pytest
import torch
import torch.nn.functional as F

from resnet_demo.models import build
from resnet_demo.models.conv import FEWEST_CHANNELS, MOST_PIXELS, Conv2d, conv, weight_gradient


@pytest.mark.parametrize("px, stride", [(1, 1), (2, 1), (7, 2), (8, 1), (8, 2)])
@pytest.mark.parametrize("kernel", [1, 3])
def test_a_product_over_windows_is_the_weights_gradient(px: int, stride: int, kernel: int) -> None:
    torch.manual_seed(px)
    x = torch.randn(3, 6, px, px, dtype=torch.float64)
    weight = torch.randn(5, 6, kernel, kernel, dtype=torch.float64, requires_grad=True)
    out = F.conv2d(x, weight, None, stride, kernel // 2)
    grad = torch.randn_like(out)
    (wanted,) = torch.autograd.grad(out, weight, grad)
    torch.testing.assert_close(weight_gradient(x, grad, kernel, stride), wanted)


@pytest.mark.parametrize("px, stride", [(1, 2), (4, 1), (8, 2), (16, 1)])
def test_gradients_in_bfloat16_are_float32s(px: int, stride: int) -> None:
    layer = conv(FEWEST_CHANNELS, 8, 3, stride).to(memory_format=torch.channels_last)
    start = torch.randn(16, FEWEST_CHANNELS, px, px, generator=torch.Generator().manual_seed(0))
    made = []
    for enabled in (False, True):
        pictures = start.clone().requires_grad_()
        layer.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            layer(pictures).float().square().sum().backward()
        assert layer.weight.grad is not None and pictures.grad is not None
        assert layer.weight.grad.dtype == torch.float32
        made.append((layer.weight.grad, pictures.grad))
    for wanted, got in zip(*made):
        assert (got - wanted).norm() <= 0.01 * wanted.norm()


@pytest.mark.parametrize("px, stride", [(1, 2), (2, 1), (4, 1), (8, 2)])
def test_gradients_in_float32_are_the_usual_ones(px: int, stride: int) -> None:
    layer = conv(FEWEST_CHANNELS, 8, 3, stride).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(16, FEWEST_CHANNELS, px, px, generator=generator, requires_grad=True)
    usual = F.conv2d(pictures, layer.weight, None, stride, 1).square().sum()
    found = layer(pictures).square().sum()
    learned = (layer.weight, pictures)
    made = [torch.autograd.grad(loss, learned) for loss in (found, usual)]
    torch.testing.assert_close(*made, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("dtype", MOST_PIXELS)
def test_only_wide_layers_of_few_pixels_leave_the_usual_way(dtype: torch.dtype) -> None:
    """So the lab's networks (at most 64 channels) learn as they always did."""
    few, many = int(MOST_PIXELS[dtype] ** 0.5), 2 * int(MOST_PIXELS[dtype] ** 0.5)
    assert way(conv(FEWEST_CHANNELS, 8, 3), few, dtype) == "FewPixelsBackward"
    assert way(conv(FEWEST_CHANNELS, 8, 3), many, dtype) != "FewPixelsBackward"
    assert way(conv(FEWEST_CHANNELS // 2, 8, 3, stride=2), few, dtype) != "FewPixelsBackward"
    strided = [m for m in build("resnet56", 10).modules() if isinstance(m, Conv2d)]
    assert all(layer.in_channels < FEWEST_CHANNELS for layer in strided)


def way(layer: torch.nn.Conv2d, px: int, dtype: torch.dtype) -> str:
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        return str(layer(torch.randn(2, layer.in_channels, px, px)).grad_fn.name())


def test_a_stride_over_one_pixel_learns_in_bfloat16() -> None:
    """Its gradient is that of float32, whatever lay in memory before."""
    layer = conv(64, 128, 3, stride=2)
    pictures = torch.randn(16, 64, 1, 1, generator=torch.Generator().manual_seed(0))
    gradients = []
    for enabled in (False, True):
        spoilt = [torch.full((n,), math.nan) for n in (10**4, 10**5, 10**6)]
        del spoilt
        layer.weight.grad = None
        with torch.autocast("cpu", torch.bfloat16, enabled=enabled):
            layer(pictures).square().sum().backward()
        gradients.append(layer.weight.grad)
    torch.testing.assert_close(*gradients, rtol=0.02, atol=0.02)
