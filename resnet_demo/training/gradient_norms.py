"""Size of gradients and weights, block by block."""

import torch
from torch import Tensor, nn


def block_of(parameter_name: str) -> str:
    """ "layer1.0.conv1.weight" -> "layer1.0"; "conv1.weight" -> "stem"; "fc.bias" -> "fc"."""
    parts = parameter_name.split(".")
    if parts[0].startswith("layer"):
        return ".".join(parts[:2])
    return "fc" if parts[0] == "fc" else "stem"


def block_norms(model: nn.Module) -> dict[str, float]:
    """`param_grad_norm/BLOCK` and `param_norm/BLOCK`: Euclidean norms over a block's trained
    parameters."""
    squares: dict[str, Tensor] = {}
    learned = {name: p for name, p in model.named_parameters() if p.requires_grad}
    names, parameters = list(learned), list[Tensor](learned.values())
    gradients = gradients_of(model)
    for kind, tensors in (("param_grad_norm", gradients), ("param_norm", parameters)):
        for name, norm in zip(names, torch._foreach_norm(tensors)):
            key = f"{kind}/{block_of(name)}"
            squares[key] = squares.get(key, 0) + norm.detach() ** 2
    told = torch.stack(list(squares.values())).cpu().tolist() if squares else []
    return {key: square**0.5 for key, square in zip(squares, told)}


def gradients_of(model: nn.Module) -> list[Tensor]:
    return [p.grad for p in model.parameters() if p.grad is not None]


def not_finite(model: nn.Module) -> str:
    """Which gradient holds NaN or Inf, in words; empty when none does."""
    norms = torch._foreach_norm(gradients_of(model))
    if torch.isfinite(torch.stack(norms)).all():
        return ""
    named = zip(norms, [(n, p) for n, p in model.named_parameters() if p.grad is not None])
    return "gradient of " + next(name for norm, (name, _) in named if not torch.isfinite(norm))
