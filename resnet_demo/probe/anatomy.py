"""One explicit walk through a residual network, ours or timm's, block by block.

No hooks: every number that the walk yields is in plain sight, and its logits are the model's own
bit for bit. Nothing is written into the model, so that visitors may walk one at the same time.
"""

import difflib
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo.errors import UserError
from resnet_demo.models.resnet import BasicBlock, Block, ResNet

Function = Callable[[Tensor], Tensor]
NOTHING: frozenset[str] = frozenset()

# What a block's branch does, in order; timm's modules that are None are left out.
OURS_BASIC = ("conv1", "bn1", "relu", "conv2", "bn2")
OURS_BOTTLENECK = ("conv1", "bn1", "relu", "conv2", "bn2", "relu", "conv3", "bn3")
TIMM_BASIC = tuple("conv1 bn1 drop_block act1 aa conv2 bn2 se drop_path".split())
TIMM_BOTTLENECK = tuple(
    "conv1 bn1 act1 conv2 bn2 drop_block act2 aa conv3 bn3 se drop_path".split()
)


@dataclass(frozen=True)
class BlockView:
    """A block taken apart: `activate(branch(x) + shortcut(x))`."""

    name: str
    module: nn.Module
    branch: tuple[tuple[str, Function], ...]
    shortcut: Function | None  # None: a plain block
    activate: Function
    downsamples: bool  # the shortcut is more than the identity: the shape changes

    def way_around(self, x: Tensor) -> Tensor:
        if self.shortcut is None:
            raise UserError(f"{self.name} is a plain block: there is no way around it.")
        return self.shortcut(x)

    def out(self, x: Tensor, off: bool = False, unplugged: bool = False) -> Tensor:
        """off: the shortcut alone; unplugged: the branch alone."""
        if off:
            return self.activate(self.way_around(x).clone())
        out = x
        for _, function in self.branch:
            out = function(out)
        if self.shortcut is not None and not unplugged:
            out = out + self.way_around(x)
        return self.activate(out)

    def scaled(self, x: Tensor, a: float, b: float) -> Tensor:
        """a F(x) + b x; norms are not fitted again."""
        out = x
        for _, function in self.branch:
            out = function(out)
        return self.activate(a * out + b * self.way_around(x))


@dataclass(frozen=True)
class Anatomy:
    """A network in the order in which a picture passes it."""

    stem: Function  # (B, 3, H, W) -> (B, C, h, w)
    stem_modules: tuple[nn.Module, ...]  # with parameters
    parts: tuple[BlockView, ...]
    head: Function  # (B, C, h, w) -> logits (B, classes)

    @property
    def first(self) -> nn.Conv2d:
        """The convolution that sees the picture itself."""
        return next(
            module for module in self.stem_modules[0].modules() if isinstance(module, nn.Conv2d)
        )

    @property
    def residual(self) -> bool:
        return any(part.shortcut is not None for part in self.parts)

    def parameters(self) -> list[list[nn.Parameter]]:
        """Of the stem, and of every block."""
        owners = [self.stem_modules, *((part.module,) for part in self.parts)]
        return [[p for module in some for p in module.parameters()] for some in owners]


@dataclass
class Step:
    """What one block did; of the stem only `name` and `out` are known."""

    name: str
    out: Tensor  # (B, C, h, w)
    branch: Tensor | None = None  # before the addition
    shortcut: Tensor | None = None
    responses: list[float] = field(default_factory=list)  # std of each 3x3 layer, see `is_response`


def anatomy(model: Any) -> Anatomy:
    """Raises UserError for a network that is not made of residual blocks or their plain twins."""
    if isinstance(model, ResNet):
        parts = tuple(our_part(name, block) for name, block in model.blocks())
        return Anatomy(model.stem, (model.conv1, model.bn1), parts, model.head)
    stages = [stage for stage in ("layer1", "layer2", "layer3", "layer4") if hasattr(model, stage)]
    if not stages or not hasattr(model, "forward_head"):
        raise UserError(f"{type(model).__name__} has no residual blocks to look into.")
    named = [(f"{s}.{i}", block) for s in stages for i, block in enumerate(getattr(model, s))]
    parts = tuple(timm_part(name, block) for name, block in named)
    return Anatomy(
        timm_stem(model), (model.conv1, model.bn1, model.maxpool), parts, model.forward_head
    )


def timm_stem(model: Any) -> Function:
    return lambda images: model.maxpool(model.act1(model.bn1(model.conv1(images))))


def our_part(name: str, block: Block) -> BlockView:
    names = OURS_BASIC if isinstance(block, BasicBlock) else OURS_BOTTLENECK
    branch = tuple((layer, F.relu if layer == "relu" else getattr(block, layer)) for layer in names)
    strided = any(getattr(m, "stride", (1, 1)) == (2, 2) for m in block.modules())
    return BlockView(
        name=name,
        module=block,
        branch=branch,
        shortcut=block.shortcut if block.residual else None,
        activate=F.relu,
        downsamples=block.downsample is not None or strided,
    )


def timm_part(name: str, block: Any) -> BlockView:
    names = TIMM_BOTTLENECK if hasattr(block, "conv3") else TIMM_BASIC
    missing = [layer for layer in (*names, "downsample") if not hasattr(block, layer)]
    if missing:
        raise UserError(f"{name} ({type(block).__name__}) is not a residual block known here.")
    branch = tuple((layer, f) for layer in names if (f := getattr(block, layer)) is not None)
    return BlockView(
        name=name,
        module=block,
        branch=branch,
        shortcut=block.downsample or (lambda x: x),
        activate=block.act3 if hasattr(block, "conv3") else block.act2,
        downsamples=block.downsample is not None,
    )


def walk(view: Anatomy, images: Tensor) -> Iterator[Step]:
    """Yield the stem and every block; the last step's `out` goes into `view.head`."""
    x = view.stem(images)
    yield Step("stem", x)
    for part in view.parts:
        step = run_block(part, x)
        yield step
        x = step.out


def run_block(part: BlockView, x: Tensor) -> Step:
    """One block with what its two ways carried."""
    shortcut = None if part.shortcut is None else part.shortcut(x)
    responses = []
    for name, function in part.branch:
        x = function(x)
        if is_response(part, name):
            responses.append(float(x.detach().std()))
    out = part.activate(x.clone() if shortcut is None else x + shortcut)
    return Step(part.name, out, x, shortcut, responses)


def is_response(part: BlockView, name: str) -> bool:
    """He et al. 2015, Fig. 7: "the outputs of each 3x3 layer, after BN and before other
    nonlinearity"."""
    conv = getattr(part.module, name.replace("bn", "conv"), None)
    return name.startswith("bn") and max(getattr(conv, "kernel_size", (1,))) > 1


def cut(
    view: Anatomy, x: Tensor, off: Set[str], unplugged: Set[str] = NOTHING, after: int = 0
) -> Tensor:
    """Logits with the branches of some blocks switched off and some shortcuts unplugged; or with
    single channels of what a block or the stem gives at zero ("layer2.1:17").

    x: what goes into block number `after`. Veit et al. 2016 (arXiv 1605.06431), section 4.1.
    """
    if not after:
        x = silenced(x, "stem", off)
    for part in view.parts[after:]:
        x = part.out(x, part.name in off, part.name in unplugged)
        x = silenced(x, part.name, off)
    return view.head(x)


def silenced(x: Tensor, name: str, off: Set[str]) -> Tensor:
    """Raises UserError for a channel that `name` does not have."""
    channels = [int(cut.partition(":")[2]) for cut in off if cut.startswith(f"{name}:")]
    if not channels:
        return x
    if max(channels) >= x.shape[1]:
        raise UserError(f"{name} has the channels 0 to {x.shape[1] - 1}. Got {max(channels)}.")
    x = x.clone()
    x[:, channels] = 0
    return x


def early_logits(view: Anatomy, x: Tensor) -> Iterator[tuple[str, Tensor]]:
    """After the stem and after each block: the logits if all later blocks only had their
    shortcuts. x: the stem's output."""
    names = ["stem", *(part.name for part in view.parts)]
    for place, name in enumerate(names):
        if place:
            x = view.parts[place - 1].out(x)
        yield name, cut(view, x, set(names[place + 1 :]), after=place)


def dimmed(view: Anatomy, x: Tensor, a: float, b: float, only: str = "") -> Tensor:
    """Logits with branches times a and shortcuts times b, in all blocks or in one. x: the stem's
    output. b compounds: after n blocks what came in is left b^n times."""
    for part in view.parts:
        x = part.scaled(x, a, b) if only in ("", part.name) else part.out(x)
    return view.head(x)


def check_cuts(view: Anatomy, off: Iterable[str], unplugged: Iterable[str] = ()) -> None:
    """Raises UserError for cuts that leave no way through, or blocks that there are not."""
    off, unplugged = set(off), set(unplugged)
    channels = {cut for cut in off if cut.partition(":")[2].isdecimal()}
    off -= channels
    names = [part.name for part in view.parts]
    owners = {cut.partition(":")[0] for cut in channels} - {"stem"}
    for name in sorted((off | unplugged | owners) - set(names)):
        near = difflib.get_close_matches(name[:40], names, 3) or [names[0], names[-1]]
        raise UserError(f"There is no block '{name[:40]}'. Near names: {', '.join(near)}.")
    if (off or unplugged) and not view.residual:
        raise UserError(
            "A plain network has no shortcuts: with a block switched off nothing would pass to "
            "the next. Take the residual twin."
        )
    if off & unplugged:
        raise UserError(
            f"{', '.join(sorted(off & unplugged))}: both ways are cut and nothing would pass. "
            f"Leave the branch or the shortcut."
        )
