"""Sharpness-aware steps (Foret et al. 2020, arXiv 2010.01412): the gradient is taken where the loss
nearby is about the highest, so that training ends where it is low all around."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from resnet_demo.training.gradient_norms import gradients_of

EPS = 1e-12


@contextmanager
def uphill(model: nn.Module, radius: float) -> Iterator[None]:
    """Inside, the weights are moved by `radius` along their gradients, all of them taken as one
    vector (equation 2), and what norms have averaged rests. Afterwards, also where something was
    raised, the weights are what they were, to the last bit."""
    learned: list[Tensor] = [p for p in model.parameters() if p.grad is not None]
    gradients = gradients_of(model)
    before = [p.detach().clone() for p in learned]
    length = torch.linalg.vector_norm(torch.stack(torch._foreach_norm(gradients)))
    try:
        with torch.no_grad():
            torch._foreach_add_(learned, torch._foreach_mul(gradients, radius / (length + EPS)))
        with resting_norms(model):
            yield
    finally:
        with torch.no_grad():
            torch._foreach_copy_(learned, before)


@contextmanager
def resting_norms(model: nn.Module) -> Iterator[None]:
    """Batch norms that work with their batch, and leave their running averages as they are."""
    norms = [module for module in model.modules() if isinstance(module, _BatchNorm)]
    momenta = [norm.momentum for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, momentum in zip(norms, momenta):
            norm.momentum = momentum
