"""Sharpness-aware steps (Foret et al. 2020, arXiv 2010.01412): the gradient is taken where the loss
nearby is about the highest, so that training ends where it is low all around. "Nearby" is what the
norms' weights and biases reach alone (Mueller et al. 2023, arXiv 2306.04226): that serves as well,
and to find the way no filter's gradient is needed, a third of a backward pass."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

EPS = 1e-12


def norms_of(model: nn.Module) -> list[_BatchNorm]:
    return [module for module in model.modules() if isinstance(module, _BatchNorm)]


@contextmanager
def norms_alone(model: nn.Module) -> Iterator[None]:
    """Inside, backward leaves no gradients but those of the norms' weights and biases."""
    kept = {id(p) for norm in norms_of(model) for p in norm.parameters()}
    others = [p for p in model.parameters() if p.requires_grad and id(p) not in kept]
    for p in others:
        p.requires_grad_(False)
    try:
        yield
    finally:
        for p in others:
            p.requires_grad_(True)


@contextmanager
def uphill(model: nn.Module, radius: float) -> Iterator[None]:
    """Inside, the norms' weights and biases are moved by `radius` along their gradients, all of
    them taken as one vector (equation 2), and what norms have averaged rests. Afterwards, also
    where something was raised, they are what they were, to the last bit."""
    norms = [p for norm in norms_of(model) for p in norm.parameters()]
    climbing: list[Tensor] = [p for p in norms if p.grad is not None]
    gradients = [p.grad for p in norms if p.grad is not None]
    before = [p.detach().clone() for p in climbing]
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    try:
        with torch.no_grad():
            torch._foreach_add_(climbing, torch._foreach_mul(gradients, radius / (length + EPS)))
        with resting_norms(model):
            yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(climbing, before)


@contextmanager
def resting_norms(model: nn.Module) -> Iterator[None]:
    """Batch norms that work with their batch, and leave their running averages as they are."""
    norms = norms_of(model)
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
