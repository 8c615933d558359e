"""A network with all that is needed to use it, and tried once before it is."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from resnet_demo.errors import UserError

Crop = Callable[[np.ndarray], np.ndarray]  # RGB (H, W, 3) -> what the network sees (px, px, 3)


@dataclass(frozen=True)
class Network:
    """A network with what it needs to be used: float32, in eval mode."""

    model: nn.Module
    arch: str
    classes: tuple[str, ...]
    px: int  # side of the pictures it sees
    mean: tuple[float, ...]  # of pixels in 0..1
    std: tuple[float, ...]
    about: dict[str, str]  # what else the file says: run, scores, recipe
    crop: Crop

    def normalise(self, seen: np.ndarray) -> Tensor:
        """uint8 (B, px, px, 3) -> float32 (B, 3, px, px) in channels-last memory, where the
        network is."""
        images = torch.from_numpy(np.array(seen)).permute(0, 3, 1, 2).float().div_(255)
        mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (self.mean, self.std))
        return images.sub_(mean).div_(std).to(next(self.model.parameters()).device)

    @property
    def pretrained(self) -> bool:
        """Whether it has seen ImageNet's training pictures, itself or by what it started from."""
        return self.arch.startswith("timm:") or self.about.get("pretrained") == "true"

    @property
    def unlike_below(self) -> float | None:
        """The score (largest logit) that all but a few validation pictures reach; None when the
        file does not say."""
        text = self.about.get("unlike_below")
        return None if text is None else float(text)

    @property
    def crop_pct(self) -> float:
        """Share of a picture's shorter side that it sees; 1 when the file says none."""
        return float(self.about.get("crop_pct", 1))

    @property
    def temperature(self) -> float:
        """What logits are divided by before they become probabilities; 1 when the file says
        none (Guo et al. 2017, section 4.2)."""
        return float(self.about.get("temperature", 1))

    def probabilities(self, logits: Tensor) -> Tensor:
        """Of logits (..., classes) on any device: float32 on the CPU, calibrated where the file
        says how. What Classify and Inspect say of a picture."""
        return (logits.float().cpu() / self.temperature).softmax(-1)


def tried(network: Network, reference: str) -> Network:
    """The network, after one pass of black and white. Raises UserError when it gives NaN or
    infinite logits, or other numbers of them than it has classes."""
    black_and_white = np.zeros((2, network.px, network.px, 3), np.uint8)
    black_and_white[1] = 255
    with torch.no_grad():
        logits = network.model(network.normalise(black_and_white))
    if logits.shape != (2, len(network.classes)) or not torch.isfinite(logits).all():
        raise UserError(
            f"{reference} does not compute: a black and a white picture gave "
            f"{tuple(logits.shape)} logits for {len(network.classes)} classes, or not finite ones."
        )
    return network
