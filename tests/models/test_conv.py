import math

import pytest
import torch
import torch.nn.functional as F

from resnet_demo.models import build
from resnet_demo.models.conv import (
    ALL_PRODUCTS,
    FEWEST_CHANNELS,
    WEIGHT_PRODUCT,
    AllProducts,
    Conv2d,
    WeightProduct,
    conv,
)


@pytest.mark.parametrize("px, stride", [(1, 1), (1, 2), (2, 1), (7, 2), (8, 1), (8, 2)])
@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("way", [AllProducts, WeightProduct])
def test_products_over_windows_are_the_convolution_and_its_gradients(
    way: type[torch.autograd.Function], kernel: int, px: int, stride: int
) -> None:
    torch.manual_seed(px)
    x = torch.randn(3, 6, px, px, dtype=torch.float64, requires_grad=True)
    weight = torch.randn(5, 6, kernel, kernel, dtype=torch.float64, requires_grad=True)
    wanted = F.conv2d(x, weight, None, stride, kernel // 2)
    grad = torch.randn_like(wanted)
    found = way.apply(x, weight, stride)
    torch.testing.assert_close(found, wanted)
    made = [torch.autograd.grad(out, (x, weight), grad) for out in (found, wanted)]
    torch.testing.assert_close(*made)


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


WAYS = [  # side of the output, number format, its way
    (4, torch.float32, "AllProductsBackward"),
    (4, torch.bfloat16, "AllProductsBackward"),
    (8, torch.bfloat16, "WeightProductBackward"),
]


@pytest.mark.parametrize("px, dtype, name", WAYS)
def test_wide_layers_of_few_pixels_are_products(px: int, dtype: torch.dtype, name: str) -> None:
    assert px**2 in (ALL_PRODUCTS, WEIGHT_PRODUCT)
    assert way(conv(FEWEST_CHANNELS, 8, 3), px, dtype) == name
    assert way(conv(FEWEST_CHANNELS, 8, 3, stride=2), 2 * px, dtype) == name
    assert way(conv(FEWEST_CHANNELS, 8, 1), px, dtype) == name


@pytest.mark.parametrize("px, dtype", [(8, torch.float32), (16, torch.bfloat16)])
def test_others_leave_it_to_torch(px: int, dtype: torch.dtype) -> None:
    """So the lab's networks (at most 64 channels) learn as they always did."""
    assert "Product" not in way(conv(FEWEST_CHANNELS, 8, 3), px, dtype)
    assert "Product" not in way(conv(FEWEST_CHANNELS // 2, 8, 3, stride=2), 4, dtype)
    strided = [m for m in build("resnet56", 10).modules() if isinstance(m, Conv2d)]
    assert all(layer.in_channels < FEWEST_CHANNELS for layer in strided)


def test_a_network_that_is_only_used_keeps_its_convolutions() -> None:
    """So what exports or looks into it finds them."""
    layer = conv(FEWEST_CHANNELS, 8, 3)
    assert "AllProducts" in way(layer, 2, torch.float32)
    assert "Convolution" in way(layer.eval(), 2, torch.float32)


def way(layer: torch.nn.Conv2d, px: int, dtype: torch.dtype) -> str:
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
        return str(layer(torch.randn(2, layer.in_channels, px, px)).grad_fn.name())


def test_a_stride_over_one_pixel_learns_in_bfloat16() -> None:
    """Its gradient is that of float32, whatever lay in memory before."""
    torch.manual_seed(1)
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


@pytest.mark.parametrize("px, stride", [(1, 2), (4, 1), (8, 2), (8, 1)])
def test_a_layer_that_rests_passes_the_inputs_gradient_on(px: int, stride: int) -> None:
    layer = conv(FEWEST_CHANNELS, 8, 3, stride).to(memory_format=torch.channels_last)
    generator = torch.Generator().manual_seed(0)
    pictures = torch.randn(16, FEWEST_CHANNELS, px, px, generator=generator, requires_grad=True)
    learned = torch.autograd.grad(layer(pictures).square().sum(), pictures)
    layer.weight.requires_grad_(False)
    layer(pictures).square().sum().backward()
    torch.testing.assert_close(pictures.grad, learned[0], rtol=1e-4, atol=1e-4)
    assert layer.weight.grad is None
