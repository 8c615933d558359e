"""What the weights at the end of an epoch are worth, and how to read their logits."""

import torch
import torch.nn.functional as F
from torch import Tensor

from resnet_demo.training.temperature import FEWEST, fit_temperature

# A picture is called unlike all classes when its largest logit is below that of all but this share
# of the validation pictures (Hendrycks et al. 2022, arXiv 1911.11132: the maximum logit score).
UNLIKE_SHARE = 0.04


@torch.no_grad()
def step_scores(
    loss: Tensor, logits: Tensor, labels: Tensor, gradients: list[Tensor]
) -> tuple[bool, Tensor]:
    """All that a step must know of what the device worked out, in one reading, which waits for it:
    whether loss and gradients are finite; float64 (loss, wrong, pictures), sums over the batch,
    the loss as in `val_loss`, without smoothing."""
    finite = torch.stack([loss, *torch._foreach_norm(gradients)]).isfinite().all()
    largest = labels.argmax(1) if labels.ndim == 2 else labels  # of a mixed picture
    plain, wrong = F.cross_entropy(logits, labels), (logits.argmax(1) != largest).sum()
    told = torch.stack([finite.float(), plain, wrong.float()]).cpu().tolist()
    sums = torch.tensor([told[1] * len(labels), told[2], len(labels)], dtype=torch.float64)
    return bool(told[0]), sums


def scores_of(logits: Tensor, labels: Tensor) -> dict[str, float]:
    """What an epoch's weights are worth on the validation pictures, and how to read their logits:
    below which a picture is unlike all classes, and their temperature."""
    return {
        "val_loss": F.cross_entropy(logits, labels).item(),
        "top1": 100 * (logits.argmax(1) == labels).float().mean().item(),
        "unlike_below": logits.amax(1).quantile(UNLIKE_SHARE).item(),
        "temperature": fit_temperature(logits, labels) if len(labels) >= FEWEST else 1.0,
    }
