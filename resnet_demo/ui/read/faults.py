"""Faults of the article's listing, made again in a line each, so that they can be run."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

CHANNELS, SIDE = 16, 16  # of a small input


@dataclass(frozen=True)
class Fault:
    printed: str
    mended: str
    why: str
    run: Callable[[], object]
    mend: Callable[[], object]


def x() -> Tensor:
    return torch.zeros(1, CHANNELS, SIDE, SIDE)


def add(stride: int) -> object:
    branch = nn.Conv2d(CHANNELS, 2 * CHANNELS, 3, stride=2, padding=1)
    shortcut = nn.Conv2d(CHANNELS, 2 * CHANNELS, 1, stride=stride)
    return tuple((branch(x()) + shortcut(x())).shape)


def classify(pool: nn.Module) -> object:
    last = torch.zeros(1, 512, 4, 4)
    return tuple(nn.Linear(512, 10)(pool(last).flatten(1)).shape)


def adam(**settings: object) -> object:
    return type(torch.optim.Adam([nn.Parameter(torch.zeros(1))], lr=0.001, **settings)).__name__  # type: ignore[arg-type]


def multiply_adds(conv1: nn.Conv2d, maxpool: nn.Identity | nn.MaxPool2d) -> str:
    """Of a ResNet-34's stem and stages after it, for a picture of 224 px."""
    from torch.utils.flop_counter import FlopCounterMode

    from resnet_demo.models import build

    with torch.device("meta"):
        model = build("resnet34").eval()
        model.conv1, model.maxpool = conv1, maxpool
        images = torch.empty(1, 3, 224, 224)
    with FlopCounterMode(display=False) as counter:
        model.to("meta")(images)
    return f"{counter.get_total_flops() / 2e9:.1f} billion multiply-adds a picture"


FAULTS = {
    "stride": Fault(
        "Conv2d(in, out, kernel_size=1, stride=1)", "Conv2d(in, out, 1, stride=stride, bias=False)",
        "Where the branch halves the picture, the shortcut must too.",
        lambda: add(1), lambda: add(2),
    ),
    "pool": Fault(
        "out.view(N, -1), then Linear(512, 10)", "AdaptiveAvgPool2d(1), then Linear(512, 10)",
        "The last map still has places; their mean has none.",
        lambda: classify(nn.Identity()), lambda: classify(nn.AdaptiveAvgPool2d(1)),
    ),
    "momentum": Fault(
        "Adam(..., lr=0.001, momentum=0.9)", "Adam(..., lr=0.001, betas=(0.9, 0.999))",
        "Adam's momentum is the first of its betas.",
        lambda: adam(momentum=0.9), lambda: adam(betas=(0.9, 0.999)),
    ),
    "nothing": Fault(
        "out = relu(out)", "return relu(out)",
        "A function without return gives None, and the next layer fails on it.",
        lambda: (lambda out: None)(x()), lambda: tuple(torch.relu(x()).shape),
    ),
    "printing": Fault(
        "if step % 2000 == 1999: print(loss)", "if step % 20 == 19: print(loss)",
        "An epoch of Imagenette in batches of 64 has 148 steps.",
        lambda: f"{sum(step % 2000 == 1999 for step in range(148))} times an epoch",
        lambda: f"{sum(step % 20 == 19 for step in range(148))} times an epoch",
    ),
    "stem": Fault(
        "Conv2d(3, 64, 3, stride=1), no pooling", "Conv2d(3, 64, 7, stride=2), MaxPool2d(3, 2)",
        "A stem for pictures of 32 px leaves 224 px as large as they are, through all stages.",
        lambda: multiply_adds(nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()),
        lambda: multiply_adds(nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.MaxPool2d(3, 2, 1)),
    ),
}  # fmt: skip
