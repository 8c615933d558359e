"""Weight EMA: a moving average of the weights, validated and saved in their place."""

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def average_weights(model: nn.Module, decay: float) -> AveragedModel | None:
    """None when decay is 0. The decay warms up, so that short runs are not held back."""
    if decay == 0:
        return None

    def update(averages: Tensors, values: Tensors, _: Tensor | int) -> None:
        count = float(average.n_averaged)
        present = min(decay, (1 + count) / (10 + count))
        if averages[0].is_floating_point():
            torch._foreach_lerp_(averages, values, 1 - present)
        else:  # batch norm's counters
            torch._foreach_copy_(averages, values)

    average = AveragedModel(model, multi_avg_fn=update, use_buffers=True)
    average.n_averaged = average.n_averaged.cpu()  # else each step waits for the device
    return average
