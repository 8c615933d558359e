"""Gradient norms block by block, and how much of the picture a block's output hangs on."""

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_demo.probe.anatomy import Anatomy, Step

ERF_SHARE = 1 - 0.9545  # of the largest gradient: Luo et al. 2016 (arXiv 1701.04128), section 3


def norm(tensors: list[Tensor]) -> float:
    """Euclidean, over all values; on the CPU, since not every device has float64."""
    return torch.stack([tensor.cpu().double().norm() for tensor in tensors]).norm().item()


def gradient_norms(
    view: Anatomy, steps: list[Step], logits: Tensor, target: int
) -> list[dict[str, float | None]]:
    """For each step: `grad_norm` of the cross-entropy L with class `target`, dL/d(out); and of the
    block's parameters `param_grad_norm`, `param_norm` and their ratio `relative_grad_norm`.

    logits: (1, classes), computed from `steps` with gradients. The graph is kept.
    """
    loss = F.cross_entropy(logits, torch.tensor([target], device=logits.device))
    owned = view.parameters()
    flat = [parameter for some in owned for parameter in some]
    outs = [step.out for step in steps]
    all_gradients = torch.autograd.grad(loss, [*outs, *flat], retain_graph=True)
    gradients = iter(all_gradients[len(outs) :])
    rows = []
    for out, parameters in zip(all_gradients, owned):
        own = [next(gradients) for _ in parameters]
        grad, weight = norm(own), norm([p.detach() for p in parameters])
        rows.append(
            {
                "grad_norm": norm([out]),
                "param_grad_norm": grad,
                "param_norm": weight,
                "relative_grad_norm": grad / weight if weight else None,
            }
        )
    return rows


def input_gradients(images: Tensor, steps: list[Step]) -> list[Tensor]:
    """For each step |d(its central unit, summed over channels)/d(picture)|, summed over the
    colours: (H, W). images: (1, 3, H, W), which must ask for gradients."""
    gradients = []
    for step in steps:
        _, _, height, width = step.out.shape
        unit = step.out[0, :, height // 2, width // 2].sum()
        (gradient,) = torch.autograd.grad(unit, images, retain_graph=True)
        gradients.append(gradient[0].abs().sum(0))
    return gradients


def receptive_field(gradient: Tensor) -> float:
    """Side in px of a square as large as the area that matters: gradient over ERF_SHARE of the
    largest (Luo et al. 2016, section 3)."""
    largest = gradient.max()
    return float((gradient > ERF_SHARE * largest).sum()) ** 0.5 if largest > 0 else 0.0
