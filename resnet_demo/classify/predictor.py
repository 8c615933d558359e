"""A network made ready to classify on this machine, and kept ready."""

import copy
import threading
import time
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor
from torch.fx.experimental.optimization import fuse

from resnet_demo.config import Home
from resnet_demo.models import sources
from resnet_demo.models.cache import Cache
from resnet_demo.models.sources import Network
from resnet_demo.training import machine

WARM_UP, TRIES = 2, 5
KEPT_BYTES = 2**30  # of networks in memory


class Predictor:
    """Norms folded into convolutions, channels-last memory, and the number format that is faster
    here: float32, or bfloat16 under autocast."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.device = machine.device()
        folded = fuse(copy.deepcopy(network.model).eval()).requires_grad_(False)
        self.model = folded.to(self.device, memory_format=torch.channels_last)
        self.lock = threading.Lock()  # one picture at a time: they would only share the cores
        self.dtype = self.faster_format()

    def logits(self, seen: np.ndarray) -> Tensor:
        """seen: what `network.crop` gave, uint8 (B, px, px, 3). Returns float32 (B, classes)."""
        images = self.network.normalise(seen)
        with self.lock:
            return self.forward(images, self.dtype)

    def forward(self, images: Tensor, dtype: torch.dtype) -> Tensor:
        bf16 = torch.autocast(self.device.type, dtype, enabled=dtype != torch.float32)
        with torch.inference_mode(), bf16:
            return self.model(images.to(self.device)).float().cpu()

    def faster_format(self) -> torch.dtype:
        """A measurement of some ten forward passes; bfloat16 only where the hardware has it."""
        if not machine.fast_bf16(self.device):
            return torch.float32
        noise = self.network.normalise(np.zeros((1, *[self.network.px] * 2, 3), np.uint8))
        formats = (torch.float32, torch.bfloat16)
        return min(formats, key=lambda kind: fastest(lambda: self.forward(noise, kind)))

    @property
    def size_bytes(self) -> int:
        """Of both copies: the network's own, for looking inside, and the folded one."""
        return 2 * sum(4 * p.numel() for p in self.network.model.parameters())


def fastest(action: Callable[[], object]) -> float:
    """Seconds of the fastest of some tries."""
    seconds = []
    for _ in range(WARM_UP + TRIES):
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds[WARM_UP:])


class Predictors:
    """Ready networks by MODEL reference; the least used are dropped."""

    def __init__(self, home: Home, threads: int) -> None:
        """threads: for every forward pass in this process."""
        self.home = home
        torch.set_num_threads(threads)
        self.cache: Cache[Predictor] = Cache(
            lambda key: Predictor(sources.load(key[0], home)),
            lambda predictor: predictor.size_bytes,
            KEPT_BYTES,
        )

    def get(self, reference: str) -> Predictor:
        """Raises UserError as `sources.load`; a run's or file's new weights are loaded anew."""
        return self.cache.get((reference, sources.version(reference, self.home)))
