"""Residual networks and their plain twins (He et al. 2015, arXiv 1512.03385).

`build("resnet18")` is a row of the paper's Table 1, `build("resnet56", 10)` one of section 4.2,
`build("plain56", 10)` the same layers without shortcuts. Parameter names are torchvision's, so
weights of the five ImageNet nets move between here, torchvision and timm unchanged.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo.config import ARCHS, size_of
from resnet_demo.errors import require_one_of
from resnet_demo.models.conv import conv


class PadShortcut(nn.Module):
    """Option A (section 3.3): every second pixel, new channels zero; no parameters."""

    def __init__(self, new_channels: int) -> None:
        super().__init__()
        self.pad = new_channels // 2  # on both sides, as published CIFAR weights expect

    def forward(self, x: Tensor) -> Tensor:
        return F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad))


def projection(
    channels_in: int, channels_out: int, stride: int, pooled: bool = False
) -> nn.Sequential:
    """Option B (section 3.3): 1x1 convolution where the shape changes. `pooled` averages first,
    where a stride would leave three of four pixels unseen (ResNet-D)."""
    if pooled and stride > 1:
        return nn.Sequential(
            nn.AvgPool2d(2, stride, ceil_mode=True, count_include_pad=False),
            conv(channels_in, channels_out, 1),
            nn.BatchNorm2d(channels_out),
        )
    return nn.Sequential(
        conv(channels_in, channels_out, 1, stride),
        nn.BatchNorm2d(channels_out),
    )


class Block(nn.Module):
    """`relu(F(x) + shortcut(x))`, equation 1; a plain block leaves out the addition."""

    expansion = 1
    conv1: nn.Conv2d
    conv2: nn.Conv2d

    def __init__(self, channels_out: int, downsample: nn.Module | None, residual: bool) -> None:
        super().__init__()
        self.residual = residual
        self.channels_out = channels_out
        self.downsample = downsample

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        """The branch's last layer."""
        raise NotImplementedError

    def branch(self, x: Tensor) -> Tensor:
        """F(x): what the block adds to its shortcut."""
        raise NotImplementedError

    def shortcut(self, x: Tensor) -> Tensor:
        return x if self.downsample is None else self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        out = self.branch(x)
        if self.residual:
            out = out + self.shortcut(x)  # nothing else differs from the plain net
        return F.relu(out)


class BasicBlock(Block):
    """Two 3x3 convolutions (Fig. 5 left)."""

    def __init__(
        self,
        channels_in: int,
        width: int,
        stride: int,
        downsample: nn.Module | None,
        residual: bool,
    ) -> None:
        super().__init__(width, downsample, residual)
        self.conv1 = conv(channels_in, width, 3, stride)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3)
        self.bn2 = nn.BatchNorm2d(width)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn2

    def branch(self, x: Tensor) -> Tensor:
        return self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))


class Bottleneck(Block):
    """1x1, 3x3, 1x1 (Fig. 5 right); the stride sits in the 3x3, as in torchvision and timm."""

    expansion = 4

    def __init__(
        self,
        channels_in: int,
        width: int,
        stride: int,
        downsample: nn.Module | None,
        residual: bool,
    ) -> None:
        super().__init__(width * self.expansion, downsample, residual)
        self.conv1 = conv(channels_in, width, 1)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = conv(width, width, 3, stride)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = conv(width, self.channels_out, 1)
        self.bn3 = nn.BatchNorm2d(self.channels_out)

    @property
    def last_norm(self) -> nn.BatchNorm2d:
        return self.bn3

    def branch(self, x: Tensor) -> Tensor:
        x = F.relu(self.bn1(self.conv1(x)))
        x = F.relu(self.bn2(self.conv2(x)))
        return self.bn3(self.conv3(x))


@dataclass(frozen=True)
class Arch:
    """A row of the table of networks."""

    block: type[BasicBlock] | type[Bottleneck]
    blocks: tuple[int, ...]  # per stage
    width: int = 64  # of the first stage; doubles with every stage
    cifar: bool = False  # 3x3 stem, no pooling, option-A shortcuts (section 4.2)
    tweaked: bool = False  # ResNet-D: stem of three 3x3 layers, shortcuts that average
    pooled: bool = True  # the stem ends with a pooling that halves the side; never for CIFAR

    def channels_out(self, stage: int) -> int:
        return self.width * 2**stage * self.block.expansion


TABLE: dict[str, Arch] = {
    "10d": Arch(BasicBlock, (1, 1, 1, 1), tweaked=True),
    "18d": Arch(BasicBlock, (2, 2, 2, 2), tweaked=True),
    "18w": Arch(BasicBlock, (2, 2, 2, 2), width=96, tweaked=True),
    "10s": Arch(BasicBlock, (1, 1, 1, 1), width=48, tweaked=True, pooled=False),
    "18": Arch(BasicBlock, (2, 2, 2, 2)),
    "34": Arch(BasicBlock, (3, 4, 6, 3)),
    "50": Arch(Bottleneck, (3, 4, 6, 3)),
    "101": Arch(Bottleneck, (3, 4, 23, 3)),
    "152": Arch(Bottleneck, (3, 8, 36, 3)),
} | {str(6 * n + 2): Arch(BasicBlock, (n, n, n), 16, cifar=True) for n in (1, 2, 3, 5, 6, 7, 9, 18)}


def first_layers(arch: Arch) -> nn.Conv2d | nn.Sequential:
    """What stands before the first norm: 3 -> `width` channels, half the side but for CIFAR."""
    if arch.cifar:
        return conv(3, arch.width, 3)
    if not arch.tweaked:
        return conv(3, arch.width, 7, stride=2)
    half = arch.width // 2
    return nn.Sequential(
        conv(3, half, 3, stride=2), nn.BatchNorm2d(half), nn.ReLU(),
        conv(half, half, 3), nn.BatchNorm2d(half), nn.ReLU(),
        conv(half, arch.width, 3),
    )  # fmt: skip


class ResNet(nn.Module):
    """A network of the paper; `residual=False` gives its plain twin."""

    def __init__(self, arch: Arch, num_classes: int, residual: bool = True) -> None:
        super().__init__()
        self.residual = residual
        stem = arch.width
        self.conv1 = first_layers(arch)
        self.bn1 = nn.BatchNorm2d(stem)
        pooled = arch.pooled and not arch.cifar
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if pooled else nn.Identity()
        channels = stem
        self.stages: list[str] = []
        for index, count in enumerate(arch.blocks):
            blocks = make_stage(arch, channels, index, count, residual)
            channels = arch.channels_out(index)
            self.stages.append(f"layer{index + 1}")
            self.add_module(self.stages[-1], blocks)
        self.fc = nn.Linear(channels, num_classes)
        initialise(self)

    def walk(self, images: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield the output of the stem, of every block, and the logits, by name.

        images: (B, 3, H, W). Block outputs are (B, C, h, w), logits ("fc") are (B, classes).
        """
        x = self.stem(images)
        yield "stem", x
        for name, block in self.blocks():
            x = block(x)
            yield name, x
        yield "fc", self.head(x)

    def stem(self, images: Tensor) -> Tensor:
        """(B, 3, H, W) -> (B, C, h, w). ReLU keeps the order of numbers: after the pooling it gives
        the same, and the same gradients, on a quarter of the pixels."""
        return F.relu(self.maxpool(self.bn1(self.conv1(images))))

    def head(self, x: Tensor) -> Tensor:
        """(B, C, h, w) of the last block -> logits (B, classes)."""
        return self.fc(torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))

    def blocks(self) -> Iterator[tuple[str, Block]]:
        for stage in self.stages:
            for index, block in enumerate(getattr(self, stage)):
                yield f"{stage}.{index}", block

    def forward(self, images: Tensor) -> Tensor:
        *_, (_, logits) = self.walk(images)
        return logits


def make_stage(
    arch: Arch, channels_in: int, index: int, count: int, residual: bool
) -> nn.Sequential:
    """The blocks of one stage; all but the first stage halve the resolution at their first."""
    width, channels_out = arch.width * 2**index, arch.channels_out(index)
    blocks = []
    for position in range(count):
        stride = 2 if index > 0 and position == 0 else 1
        downsample = None
        if residual and (stride > 1 or channels_in != channels_out):
            downsample = (
                PadShortcut(channels_out - channels_in)
                if arch.cifar
                else projection(channels_in, channels_out, stride, arch.tweaked)
            )
        blocks.append(arch.block(channels_in, width, stride, downsample, residual))
        channels_in = channels_out
    return nn.Sequential(*blocks)


def initialise(model: nn.Module) -> None:
    """He et al. 2015b (arXiv 1502.01852), fan-out, for convolutions; norms start at identity."""
    if next(model.parameters()).is_meta:  # shapes alone; to draw them torch imports its compiler
        return
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(module, nn.BatchNorm2d):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def zero_last_norms(model: ResNet) -> None:
    """Start every residual block as the identity (Goyal et al. 2017, section 5.1).

    A plain net is left alone: a zero there would cut it in two.
    """
    for _, block in model.blocks():
        if block.residual:
            nn.init.zeros_(block.last_norm.weight)


def build(arch: str, num_classes: int = 1000, zero_init: bool = False) -> ResNet:
    """An untrained network, e.g. "resnet50" or "plain56"; raises UserError for other names."""
    require_one_of("arch", arch, ARCHS)
    residual = arch.startswith("resnet")
    model = ResNet(TABLE[size_of(arch)], num_classes, residual)
    if zero_init:
        zero_last_norms(model)
    return model
