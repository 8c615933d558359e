from itertools import product

import pytest
import torch
from torch import Tensor, nn

from resnet_demo.models import build
from resnet_demo.probe.anatomy import Anatomy, anatomy
from resnet_demo.probe.paths import path_gradients, path_lengths


def trained_like(arch: str) -> nn.Module:
    """Norms as training leaves them: no identity, no zero."""
    torch.manual_seed(0)
    model = build(arch, 4).double().eval()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for values in (module.weight, module.running_var):
                nn.init.uniform_(values, 0.5, 1.5)
            for values in (module.bias, module.running_mean):
                nn.init.normal_(values, std=0.2)
    return model


def whole_gradient(model: nn.Module, images: Tensor, target: int) -> Tensor:
    images = images.clone().requires_grad_()
    (found,) = torch.autograd.grad(model(images)[0, target], images)
    return found


def along_one_path(view: Anatomy, images: Tensor, target: int, taken: tuple[bool, ...]) -> Tensor:
    """Brute force: the other way of each block is held at its value, so nothing flows there."""
    images = images.clone().requires_grad_()
    x = view.stem(images)
    for part, branch in zip(view.parts, taken):
        ways = [x, x]
        for _, function in part.branch:
            ways[0] = function(ways[0])
        ways[1] = part.shortcut(x) if part.shortcut else torch.zeros_like(ways[0])
        held = int(branch)  # the way that is not taken
        ways[held] = ways[held].detach()
        x = part.activate(ways[0] + ways[1])
    out = view.head(x)[0, target]
    if not out.requires_grad:
        return torch.zeros_like(images)
    (found,) = torch.autograd.grad(out, images, allow_unused=True)
    return torch.zeros_like(images) if found is None else found


@pytest.fixture
def images() -> Tensor:
    return torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(1)).double()


@pytest.mark.parametrize("arch", ["resnet20", "resnet18d", "resnet50", "plain20"])
def test_the_parts_sum_to_the_whole(arch: str, images: Tensor) -> None:
    model = trained_like(arch)
    found, whole = path_gradients(anatomy(model), images, 2), whole_gradient(model, images, 2)
    assert (found.sum(0) - whole[0]).norm() <= 1e-6 * whole.norm()


def test_they_are_the_sums_over_all_paths_of_a_length(images: Tensor) -> None:
    view = anatomy(trained_like("resnet8"))
    found = path_gradients(view, images, 1)
    for length, part in enumerate(found):
        paths = [taken for taken in product((False, True), repeat=3) if sum(taken) == length]
        summed = sum(along_one_path(view, images, 1, taken) for taken in paths)
        torch.testing.assert_close(part, summed[0], rtol=1e-9, atol=1e-15)


def test_a_plain_network_has_one_length(images: Tensor) -> None:
    told = path_lengths(path_gradients(anatomy(trained_like("plain20")), images, 0))
    assert told["shares"][-1] == pytest.approx(100) and told["mean"] == pytest.approx(9)


def test_shares_are_of_the_summed_norms() -> None:
    told = path_lengths(torch.tensor([3.0, 1.0, 0.0]).view(3, 1, 1, 1))
    assert told["shares"] == pytest.approx([75, 25, 0]) and told["mean"] == pytest.approx(0.25)
