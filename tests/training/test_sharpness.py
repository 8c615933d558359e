import copy
from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from resnet_demo.config import TrainConfig
from resnet_demo.models import build
from resnet_demo.training.loop import Training
from resnet_demo.training.sharpness import norms_alone, uphill
from tests.training.test_loop import splits as splits

RADIUS = 0.3


def with_gradients() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    model = build("resnet8", 3).train()
    images, labels = torch.randn(4, 3, 16, 16), torch.tensor([0, 1, 2, 0])
    F.cross_entropy(model(images), labels).backward()
    return model, images, labels


def flat(model: torch.nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def norms_part(model: torch.nn.Module) -> torch.Tensor:
    """1 at the norms' weights and biases, in `flat`'s order."""
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    inside = {id(p) for norm in norms for p in norm.parameters()}
    return torch.cat([torch.full((p.numel(),), id(p) in inside) for p in model.parameters()])


def test_norms_move_by_the_radius_along_their_gradient_and_come_back() -> None:
    model, images, labels = with_gradients()
    before = copy.deepcopy(model.state_dict())
    start, norms = flat(model), norms_part(model)
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()]) * norms
    with uphill(model, RADIUS):
        moved = flat(model) - start
        assert not moved[~norms].any()
        assert moved.norm().item() == pytest.approx(RADIUS, rel=1e-4)
        assert F.cosine_similarity(moved, gradient, dim=0) > 0.999
        model.zero_grad()
        F.cross_entropy(model(images), labels).backward()  # norms see the batch once more
    after = model.state_dict()
    for name, value in before.items():
        assert torch.equal(value, after[name]) or name.endswith("num_batches_tracked")


def test_the_way_up_takes_the_norms_gradients_and_no_others() -> None:
    model, images, labels = with_gradients()
    norms = norms_part(model)
    gradient = torch.cat([p.grad.flatten() for p in model.parameters()])
    model.zero_grad()
    with norms_alone(model):
        F.cross_entropy(model(images), labels).backward()
    found = [p.new_zeros(p.shape) if p.grad is None else p.grad for p in model.parameters()]
    torch.testing.assert_close(torch.cat([g.flatten() for g in found]), gradient * norms)
    assert all(p.requires_grad for p in model.parameters())


def test_what_is_raised_up_there_leaves_the_network_as_it_was() -> None:
    model, _, _ = with_gradients()
    start = flat(model)
    with pytest.raises(MemoryError), uphill(model, RADIUS):
        raise MemoryError
    assert torch.equal(flat(model), start)
    assert {norm.momentum for norm in model.modules() if hasattr(norm, "momentum")} == {0.1}


def test_a_step_takes_the_gradient_of_where_it_has_climbed(config: TrainConfig, splits) -> None:
    config = replace(config, optimizer="sgd", weight_decay=0.0)
    plain, sharp = (
        Training(replace(config, sam_radius=radius), *splits, 3) for radius in (0.0, RADIUS)
    )
    plain.train_step(lr=0.0)
    below = gradient_of(plain)
    climb = below * norms_part(plain.model)
    with torch.no_grad():
        parts = (climb * RADIUS / climb.norm()).split([p.numel() for p in plain.model.parameters()])
        for p, part in zip(plain.model.parameters(), parts):
            p.add_(part.view_as(p))
    plain.step = 0
    plain.train_step(lr=0.0)
    sharp.train_step(lr=0.0)
    above = gradient_of(sharp)
    assert (above - gradient_of(plain)).norm() < 0.1 * (above - below).norm()


def gradient_of(training: Training) -> torch.Tensor:
    return torch.cat([p.grad.flatten() for p in training.model.parameters()])
