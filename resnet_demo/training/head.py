"""Only the classifier is trained (`--freeze backbone`): what comes before it is worked out once for
each picture and kept, so that an epoch takes a moment.

The same loop as every other training; a batch holds features instead of pictures.
"""

import hashlib
import zipfile
from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.config import TrainConfig
from resnet_demo.data.augment import normalise, whole_batch
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.files import write_whole
from resnet_demo.progress import Progress
from resnet_demo.training.checkpoint import weights_digest
from resnet_demo.training.loop import VAL_BATCH, Training
from resnet_demo.training.ranks import ALONE, Ranks

BATCH = VAL_BATCH


@dataclass
class HeadTraining(Training):
    """`prepare` comes before `run`."""

    train_features: Tensor | None = None  # (2, N, C): of each picture, and of its mirror image
    val_features: Tensor | None = None  # (N, C)

    def make_model(self) -> nn.Module:
        model = super().make_model()
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith("fc."))
        return model

    def prepare(self, caches: Path) -> Generator[Progress, None, None]:
        """Work out the features, or find them in `caches`."""
        kept = partial(kept_features, self.model, self.config.arch, caches)
        self.train_features = yield from kept(self.train, True)
        (self.val_features,) = yield from kept(self.val, False)

    def batch(
        self, settings: TrainConfig, indices: np.ndarray, share: slice
    ) -> tuple[Tensor, Tensor]:
        """Of the next batch: features (B, C) of pictures or their mirror images, and labels."""
        assert self.train_features is not None
        epoch, number = divmod(self.step, self.steps_per_epoch)
        random = np.random.default_rng((settings.seed, epoch, number))
        mirrored = torch.from_numpy(random.integers(0, 2, len(indices)))[share]
        labels = torch.from_numpy(self.train.labels[indices[share]])
        rows = torch.from_numpy(indices[share])
        return self.train_features[mirrored, rows], labels.to(self.device)

    def val_batch(self, part: range) -> tuple[Tensor, Tensor]:
        assert self.val_features is not None
        rows = slice(part.start, part.stop)
        return self.val_features[rows], torch.from_numpy(self.val.labels[rows])

    def logits(self, model: nn.Module, inputs: Tensor) -> Tensor:
        fc: nn.Module = model.get_submodule("fc")
        return fc(inputs.to(self.device)).float()


def make_training(
    config: TrainConfig,
    train: Pixels,
    val: Pixels,
    num_classes: int,
    ranks: Ranks = ALONE,
    **more: Any,
) -> Training:
    """As the configuration has it: all of the network, or its classifier alone, which is too
    little work to be shared."""
    if config.freeze == "backbone":
        return HeadTraining(config, train, val, num_classes, **more)
    changes = [tuple(change) for change in more.get("changes", ())]
    ranks.announce("open", config, changes, torch.get_num_threads())  # they build it at once
    return Training(config, train, val, num_classes, ranks=ranks, **more)


def kept_features(
    model: nn.Module, arch: str, caches: Path, pixels: Pixels, mirror: bool
) -> Generator[Progress, None, Tensor]:
    """(1 or 2, N, C) float32; named by the network before the classifier, the pixels, and the
    number format that they are worked out in."""
    weights = {name: t for name, t in model.state_dict().items() if not name.startswith("fc.")}
    in_bf16 = device.fast_bf16(next(model.parameters()).device)
    key = hashlib.sha256(f"{arch} {in_bf16} {weights_digest(weights)}".encode())
    key.update(np.ascontiguousarray(pixels.images).data)
    path = caches / f"{key.hexdigest()[:24]}.{1 + mirror}.features.npz"
    if (kept := read(path)) is not None:
        return kept
    computed = yield from features(model, pixels, mirror)
    write_whole(path, lambda file: np.savez(file, features=computed.numpy()))
    return computed


def read(path: Path) -> Tensor | None:
    """None where nothing is kept, or it is damaged: each part of the file has a checksum."""
    try:
        with np.load(path) as kept:
            return torch.from_numpy(kept["features"])
    except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile):
        return None


def features(model: nn.Module, pixels: Pixels, mirror: bool) -> Generator[Progress, None, Tensor]:
    where = next(model.parameters()).device
    rows: list[list[Tensor]] = [[], []]
    model.eval()
    for start in range(0, len(pixels), BATCH):
        part = range(start, min(start + BATCH, len(pixels)))
        images = normalise(whole_batch(pixels, part)[0].to(where))
        rows[0].append(before_classifier(model, images))
        if mirror:
            rows[1].append(before_classifier(model, images.flip(3)))
        yield "Looking at each picture once", part.stop, len(pixels)
    return torch.stack([torch.cat(each) for each in rows if each])


def before_classifier(model: nn.Module, images: Tensor) -> Tensor:
    """(B, C): what the classifier is given."""
    seen: list[Tensor] = []
    hook = model.get_submodule("fc").register_forward_pre_hook(
        lambda _, inputs: seen.append(inputs[0])
    )
    try:
        with torch.inference_mode(), device.autocast(images.device):
            model(images)
    finally:
        hook.remove()
    return seen[0].float().cpu().clone()
