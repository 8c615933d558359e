"""The three optimizers."""

import torch
from torch import nn

from resnet_demo.config import TrainConfig


def make_optimizer(model: nn.Module, config: TrainConfig) -> torch.optim.Optimizer:
    """SGD with Nesterov momentum, AdamW, or Muon; norms and biases carry no weight decay."""
    groups = [
        {"params": [p for p in model.parameters() if p.ndim > 1]},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]
    common = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, nesterov=True, **common)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), **common)
    from timm.optim import Muon  # slow to import

    return Muon(groups, nesterov=True, **common)
