"""A network made ready to classify on this machine, and kept ready."""

import copy
import threading
import warnings
from collections.abc import Callable, Hashable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from resnet_demo import device
from resnet_demo.cache import kept
from resnet_demo.config import Home
from resnet_demo.models import reference
from resnet_demo.models.network import Network

WARM_UP = 3  # passes in which the fused graph is made
KEPT_BYTES = 2**30  # of networks in memory
Key = tuple[str, Hashable]  # MODEL, and which version of it
Forward = Callable[[Tensor], Tensor]  # normalised float32 (B, 3, px, px) -> logits (B, classes)


class Predictor:
    """The form of a network that this machine's hardware is best at: the same in every process."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.lock = threading.Lock()  # one picture at a time: they would only share the cores
        noise = network.normalise(np.zeros((1, *[network.px] * 2, 3), np.uint8))
        self.forward = best_form(network.model, noise)
        for _ in range(WARM_UP):
            self.forward(noise)

    def logits(self, seen: np.ndarray) -> Tensor:
        """seen: what `network.crop` gave, uint8 (B, px, px, 3). Returns float32 (B, classes)."""
        images = self.network.normalise(seen)
        with self.lock:
            return self.forward(images)


def best_form(model: nn.Module, images: Tensor) -> Forward:
    """Norms folded into convolutions, channels-last, in bfloat16 where the hardware has it; on a
    CPU with additions and ReLUs fused into convolutions by oneDNN (`bench infer`)."""
    on = device.device()
    dtype = torch.bfloat16 if device.fast_bf16(on) else torch.float32
    folded = device.placed(with_folded_norms(model, images), on).to(dtype)
    fused = fused_graph(folded, images.to(dtype)) if on.type == "cpu" else None
    return inference(fused or folded, on, dtype)


def with_folded_norms(model: nn.Module, images: Tensor) -> nn.Module:
    """A copy for inference, whose norms are part of the convolutions before them.

    Which these are, one pass over `images` tells. torch.fx would know it too, but its tracing
    changes nn.Module for all threads of the process: another's pass failed, or all that followed.
    """
    folded = copy.deepcopy(model).eval()
    names = {module: name for name, module in folded.named_modules()}
    for convolution, norm in convolutions_before_norms(folded, images):
        folded.set_submodule(names[convolution], fuse_conv_bn_eval(convolution, norm))
        folded.set_submodule(names[norm], nn.Identity())
    return folded.requires_grad_(False)


def convolutions_before_norms(
    model: nn.Module, images: Tensor
) -> list[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Pairs in which what the first gives is what the second takes."""
    given: list[tuple[nn.Conv2d, Tensor]] = []
    pairs: list[tuple[nn.Conv2d, nn.BatchNorm2d]] = []

    def after(convolution: nn.Conv2d, _: object, out: Tensor) -> None:
        given.append((convolution, out))

    def before(norm: nn.BatchNorm2d, taken: tuple[Tensor, ...]) -> None:
        pairs.extend((convolution, norm) for convolution, out in given if out is taken[0])

    hooks = [m.register_forward_hook(after) for m in model.modules() if type(m) is nn.Conv2d]
    norms = [m for m in model.modules() if type(m) is nn.BatchNorm2d]
    hooks += [norm.register_forward_pre_hook(before) for norm in norms]
    with torch.no_grad():
        model(images)
    for hook in hooks:
        hook.remove()
    return pairs


def inference(model: nn.Module, on: torch.device, dtype: torch.dtype) -> Forward:
    def forward(images: Tensor) -> Tensor:
        with torch.no_grad():
            return model(images.to(on, dtype)).float().cpu()

    return forward


def fused_graph(model: nn.Module, images: Tensor) -> nn.Module | None:
    """TorchScript with oneDNN's graph fusion: half the time at one picture in bfloat16, 0.7 of it
    in float32. None where this torch cannot."""
    with device.TRACING, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is old, and still the fastest on a CPU
        try:
            torch.jit.enable_onednn_fusion(True)
            graph = torch.jit.freeze(torch.jit.trace(model, images, check_trace=False))
            with torch.no_grad():
                graph(images)
            return graph
        except (RuntimeError, AttributeError):
            return None


class Predictors:
    """Ready networks by MODEL reference; the least used are dropped."""

    def __init__(self, home: Home, threads: int) -> None:
        """threads: for every forward pass in this process."""
        self.home = home
        torch.set_num_threads(threads)
        self.networks: Callable[[Key], Network] = kept(
            lambda key: reference.ready(key[0], home), size_bytes, KEPT_BYTES
        )
        self.ready: Callable[[Key], Predictor] = kept(
            lambda key: Predictor(self.networks(key)),
            lambda predictor: size_bytes(predictor.network),  # of its folded copy
            KEPT_BYTES,
        )

    def get(self, model: str) -> Predictor:
        """Raises UserError as `reference.load`; a run's or file's new weights are loaded anew."""
        return self.ready((model, reference.version(model, self.home)))

    def network(self, model: str) -> Network:
        """As `get`, for looking inside: nothing is folded or measured."""
        return self.networks((model, reference.version(model, self.home)))


def size_bytes(network: Network) -> int:
    return sum(4 * p.numel() for p in network.model.parameters())
