"""Optimizers and the learning-rate schedule."""

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


def lr_at(progress: float, peak: float, warmup: float) -> float:
    """Linear from zero to `peak` in the first `warmup` share of training, then linear to zero."""
    if progress < warmup:
        return peak * progress / warmup
    return peak * (1 - progress) / (1 - warmup)


def px_at(progress: float, start_px: int, px: int) -> int:
    """Side of the training pictures: grows in steps of 16 during the first 40 % (progressive
    resizing, e.g. Howard 2018)."""
    share = min(1.0, progress / 0.4)
    grown = start_px + (px - start_px) * share
    return px if share == 1.0 else min(px, max(start_px, round(grown / 16) * 16))
