"""What a network costs: parameters and multiply-adds of every stage, as in the paper's Table 1."""

from dataclasses import dataclass

import torch

from resnet_demo.models.resnet import build


@dataclass(frozen=True)
class StageCost:
    """One line of the paper's Table 1 with what we count."""

    stage: str
    output_px: int
    blocks: int
    params: int
    multiply_adds: int  # per picture; the paper calls them FLOPs


def describe(arch: str, num_classes: int = 1000, px: int | None = None) -> list[StageCost]:
    """Parameters and multiply-adds per stage, by running shapes through the layers.

    px: side of the picture; 224 for ImageNet nets and 32 for CIFAR nets when not given.
    """
    from torch.utils.flop_counter import FlopCounterMode

    with torch.device("meta"):
        model = build(arch, num_classes).eval()
        images = torch.empty(1, 3, *[px or (32 if len(model.stages) == 3 else 224)] * 2)
    flops = dict.fromkeys(["stem", *model.stages, "fc"], 0)
    sides = {}
    with FlopCounterMode(display=False) as counter:
        before = 0
        for name, x in model.walk(images):
            stage = name.split(".")[0]
            sides[stage] = x.shape[-1] if x.ndim == 4 else 1
            flops[stage] += counter.get_total_flops() - before
            before = counter.get_total_flops()
    return [
        StageCost(
            stage=stage,
            output_px=sides[stage],
            blocks=len(getattr(model, stage)) if stage in model.stages else 0,
            params=sum(
                parameter.numel()
                for name in (("conv1", "bn1") if stage == "stem" else (stage,))
                for parameter in getattr(model, name).parameters()
            ),
            multiply_adds=flops[stage] // 2,
        )
        for stage in flops
    ]
