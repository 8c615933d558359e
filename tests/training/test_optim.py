"""The three optimizers, as a run makes them."""

import pytest
import torch
from torch import Tensor, nn

from resnet_demo.config import OPTIMIZERS, TrainConfig
from resnet_demo.training import optim
from resnet_demo.training.optim import FORGOTTEN, make_optimizer

STEPS = 1500  # until momentum of 0.9 is subnormal


def trained(kind: str) -> tuple[Tensor, Tensor]:
    """A weight whose first row has a gradient once and never again, and its momentum."""
    torch.manual_seed(0)
    weight = nn.Parameter(torch.randn(6, 5))
    optimizer = make_optimizer({"w": weight}, TrainConfig(optimizer=kind, weight_decay=0.0))
    for step in range(STEPS):
        weight.grad = torch.randn(6, 5)
        weight.grad[0] *= step == 0
        optimizer.step()
    state = optimizer.state[weight]
    return weight.detach(), state["exp_avg"] if kind == "adamw" else state["momentum_buffer"]


@pytest.mark.parametrize("kind", OPTIMIZERS)
def test_a_channel_without_gradient_is_forgotten_and_the_others_learn_as_before(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its momentum would become subnormal, which processors multiply slowly, and stay so."""
    weight, momentum = trained(kind)
    assert not momentum[0].any() and momentum[1:].abs().min() > FORGOTTEN
    monkeypatch.setattr(optim, "FORGOTTEN", 0.0)
    as_before, what_it_would_be = trained(kind)
    tiny = what_it_would_be[0].abs()
    assert ((tiny > 0) & (tiny < torch.finfo(torch.float32).tiny)).any()
    assert torch.equal(momentum[1:], what_it_would_be[1:]) and torch.equal(weight, as_before)
