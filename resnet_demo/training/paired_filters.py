"""Filters in pairs: a network that sees a picture and its mirror image alike (group
convolution of Cohen & Welling 2016, arXiv 1602.07576, for the group of horizontal flips).

Channel i and channel i + C / 2 of every layer are mirror images of each other, so half of the
weights decide the other half. They are an ordinary network's weights all the same: what reads,
exports or looks into networks need not know. Every step teaches what its pictures' mirror images
would have taught. (A layer with stride 2 looks at every second pixel, the mirrored picture's are
the others: alike but for a pixel.)
"""

from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn

from resnet_demo.files import Json
from resnet_demo.training.gradient_norms import block_norms

PICTURE_CHANNELS = 3


def partners(name: str, values: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Of a parameter, its gradient or a norm's average: views, two and two of which are to be
    alike. None of what belongs to no channel."""
    if values.ndim == 0 or name == "fc.bias":  # a scalar is batch norm's counter
        return
    first, second = values.chunk(2, 1 if name == "fc.weight" else 0)
    if values.ndim < 4:
        yield first, second
        return
    channels = values.shape[1]
    half = channels if channels == PICTURE_CHANNELS else channels // 2
    for column in range(values.shape[3]):
        for start in range(0, channels, half):
            other = channels - half - start
            yield (
                first[:, start : start + half, :, column],
                second[:, other : other + half, :, -1 - column],
            )


def first_half(name: str, values: Tensor) -> Tensor:
    """A view; all of what belongs to no channel."""
    return values if name == "fc.bias" else values.chunk(2, 1 if name == "fc.weight" else 0)[0]


def average(named: Iterable[tuple[str, Tensor]]) -> None:
    """The first of each two becomes their mean, in place."""
    for name, values in named:
        for first, second in partners(name, values):
            first.lerp_(second, 0.5)


def follow(named: Iterable[tuple[str, Tensor]]) -> None:
    """The second of each two becomes what the first is."""
    for name, values in named:
        for first, second in partners(name, values):
            second.copy_(first)


@torch.no_grad()
def pair_up(model: nn.Module) -> None:
    """The nearest network whose filters are paired, drawn weights as large as they were."""
    named = list(model.named_parameters())
    sizes = [p.norm() for _, p in named]
    average(named)
    follow(named)
    for (_, p), size in zip(named, sizes):
        p.mul_(size / p.norm().clamp(min=torch.finfo(p.dtype).tiny))


@torch.no_grad()
def keep_paired(model: nn.Module) -> None:
    """Take off what norms that see no mirror images have added since."""
    named = [*model.named_parameters(), *model.named_buffers()]
    average(named)
    follow(named)


class Learned:
    """What an optimizer moves of a model: all of its parameters, or where they are paired each
    one's first half, in the model's own memory, which the other half follows."""

    def __init__(self, model: nn.Module, paired: bool) -> None:
        self.model, self.paired = model, paired
        self.named = dict(model.named_parameters())
        if paired:
            pair_up(model)
            self.named = {n: nn.Parameter(first_half(n, p.data)) for n, p in self.named.items()}

    @torch.no_grad()
    def take_gradients(self) -> None:
        """Those that all pictures' mirror images would have added to, too."""
        if self.paired:
            average(self.model_gradients())
            for name, gradient in self.model_gradients():
                self.named[name].grad = first_half(name, gradient)

    @torch.no_grad()
    def complete_gradients(self) -> None:
        """The other halves of the model's own, for whoever looks at these."""
        if self.paired:
            follow(self.model_gradients())

    def block_norms(self) -> dict[str, float]:
        self.complete_gradients()
        return block_norms(self.model)

    @property
    def gradients(self) -> list[Tensor]:
        return [p.grad for p in self.named.values() if p.grad is not None]

    def model_gradients(self) -> Iterator[tuple[str, Tensor]]:
        for name, p in self.model.named_parameters():
            if p.grad is not None:
                yield name, p.grad

    def halved(self, state: Json, optimizer: torch.optim.Optimizer) -> Json:
        """An optimizer's state, also of one that moved whole parameters, as older runs have it."""
        if not self.paired:
            return state
        names = {id(p): name for name, p in self.named.items()}
        moved = [p for group in optimizer.param_groups for p in group["params"]]
        parts = {
            index: {
                key: first_half(names[id(moved[index])], value)
                if isinstance(value, Tensor) and value.ndim and value.shape != moved[index].shape
                else value
                for key, value in kept.items()
            }
            for index, kept in state["state"].items()
        }
        return state | {"state": parts}

    @torch.no_grad()
    def lead(self) -> None:
        """The other halves, after a step."""
        if self.paired:
            follow(self.model.named_parameters())
