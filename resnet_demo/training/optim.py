"""The three optimizers."""

from typing import Any

import torch
from torch import nn

from resnet_demo.config import TrainConfig
from resnet_demo.training.muon import Muon
from resnet_demo.training.ranks import ALONE, Ranks

# Measured on Imagenette, 64 px, 3 epochs: momentum 0.6 ends 2.5 points above the usual 0.95, since
# a run of a few hundred steps has no time to forget.
MUON_MOMENTUM = 0.6
# Momentum below it is zero. A filter whose channel is dead has no gradient: its momentum would
# shrink until it is subnormal and stay so, and processors multiply such numbers many times more
# slowly (Intel, float32, Muon, resnet10d after five epochs: half of each step was that).
FORGOTTEN = 1e-19


def make_optimizer(
    named: dict[str, nn.Parameter], config: TrainConfig, ranks: Ranks = ALONE
) -> torch.optim.Optimizer:
    """SGD as in section 4.2 (momentum 0.9, weight decay on all that is learned), AdamW or Muon
    (norms and biases carry no weight decay)."""
    optimizer = of_kind(parameter_groups(named, config), config, ranks)
    optimizer.register_step_post_hook(forget)
    return optimizer


def of_kind(
    groups: list[dict[str, Any]], config: TrainConfig, ranks: Ranks
) -> torch.optim.Optimizer:
    common: dict[str, Any] = {"lr": config.lr, "weight_decay": config.weight_decay}
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9, **common)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, betas=(0.9, 0.99), **common)
    spare_compiler()
    return Muon(groups, momentum=MUON_MOMENTUM, ranks=ranks, **common)


@torch.no_grad()
def forget(optimizer: torch.optim.Optimizer, *_: object) -> None:
    """What momentum has made of gradients that came long ago, and none since."""
    for state in optimizer.state.values():
        for name in ("momentum_buffer", "exp_avg"):
            if name in state:
                torch.hardshrink(state[name], FORGOTTEN, out=state[name])


def spare_compiler() -> None:
    """torch imports its compiler, for 1.6 s, to keep it away from these methods: they are called
    as they are, and it is not imported."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        method = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if method is not None:  # else a torch that does without
            method.__dynamo_disable = method


def parameter_groups(named: dict[str, nn.Parameter], config: TrainConfig) -> list[dict[str, Any]]:
    """What is learned. A backbone with a rate of its own (`backbone_lr`) stands in its own groups,
    with that factor as `lr_scale`."""
    learned = [(name, p) for name, p in named.items() if p.requires_grad]
    parts: list[dict[str, Any]] = [{"params": [p for _, p in learned]}]
    if config.backbone_lr != 1.0:
        head = [p for name, p in learned if name.startswith("fc.")]
        rest = [p for name, p in learned if not name.startswith("fc.")]
        parts = [{"params": head}, {"params": rest, "lr_scale": config.backbone_lr}]
    if config.optimizer == "sgd":
        return parts
    matrices = [part | {"params": [p for p in part["params"] if p.ndim > 1]} for part in parts]
    vectors = [part | {"params": [p for p in part["params"] if p.ndim <= 1]} for part in parts]
    return matrices + [part | {"weight_decay": 0.0} for part in vectors]
