"""`shapes` takes real learning."""

import numpy as np
import torch

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import load_pixels
from resnet_demo.data.shapes import shapes
from resnet_demo.training.events import EpochDone
from resnet_demo.training.loop import Training
from tests.data.test_pixel_cache import drained


def test_a_linear_model_fails_where_resnet8_learns(home: Home) -> None:
    _, (train, val) = drained(load_pixels(shapes(), TrainConfig(px=32), home))
    assert linear_top1(train.images[:, ::2, ::2], train.labels) < 60
    device.prepare()
    config = TrainConfig(data="shapes", arch="resnet8", px=32, start_px=16, epochs=4)
    events = [e for e in Training(config, train, val, 10).run() if isinstance(e, EpochDone)]
    assert events[-1].metrics["top1"] >= 95


def linear_top1(images: np.ndarray, labels: np.ndarray) -> float:
    """Of ridge regression on pixels, on a held-out fifth, in percent."""
    pixels = torch.from_numpy(np.array(images)).flatten(1).float() / 255 - 0.5
    targets = torch.nn.functional.one_hot(torch.from_numpy(labels)).float()
    cut = len(pixels) * 4 // 5
    gram = pixels[:cut].T @ pixels[:cut] + 100 * torch.eye(pixels.shape[1])
    weights = torch.linalg.solve(gram, pixels[:cut].T @ targets[:cut])
    right = (pixels[cut:] @ weights).argmax(1) == targets[cut:].argmax(1)
    return 100 * right.float().mean().item()
