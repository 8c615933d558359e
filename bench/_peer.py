"""One trainer in a process of its own: `python -m bench._peer NAME FOLDER --steps N | --epochs N`.

All train a resnet18 at 128 px, 64 pictures a step, on the same folder, each with its own loader,
augmentation and optimizer. Prints {"images_per_s"} of steps after the first few, or {"top1"}.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from resnet_demo.device import fast_bf16

CPU = torch.device("cpu")
PX, BATCH, WARM_UP, WORKERS, CLASSES = 128, 64, 4, 2, 10
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
Tick = Callable[[], None]
Batches = Iterable[tuple[Tensor, Tensor]]


class Enough(Exception):
    """As many steps as were asked for."""


class Clock:
    """Counts steps; the first few warm up."""

    def __init__(self, steps: int) -> None:
        self.steps, self.done, self.began, self.seconds = steps, 0, 0.0, 0.0

    def tick(self) -> None:
        self.done += 1
        if self.done == WARM_UP:
            self.began = time.perf_counter()
        if self.steps and self.done == WARM_UP + self.steps:
            self.seconds = time.perf_counter() - self.began
            raise Enough("enough")  # fastai wants an argument


# --- the trainers ----------------------------------------------------------------------------


def ours(folder: Path, epochs: int, tick: Tick) -> float:
    """The worker as the page starts it: rows, checkpoints and all."""
    from resnet_demo import device
    from resnet_demo.config import Home, TrainConfig
    from resnet_demo.runs import control
    from resnet_demo.runs.worker import Worker

    config = TrainConfig(data=f"folder:{folder}", arch="resnet18", epochs=epochs, start_px=PX)
    with tempfile.TemporaryDirectory() as place:
        home = Home(Path(place))
        worker = Worker(home, control.new_run(home, config))
        device.prepare()
        for _ in worker.steps:
            if worker.step:
                tick()
        return control.read_run(home, worker.run).top1 or 0.0


def timm(folder: Path, epochs: int, tick: Tick) -> float:
    """Its train.py's parts at their best flags here: channels-last, bf16 where that is fast, SGD,
    its own loader."""
    from timm import create_model
    from timm.data import create_dataset, create_loader
    from timm.optim import create_optimizer_v2
    from timm.scheduler import create_scheduler_v2

    model = create_model("resnet18", num_classes=CLASSES).to(memory_format=torch.channels_last)
    common = dict(
        input_size=(3, PX, PX), batch_size=BATCH, num_workers=WORKERS, use_prefetcher=False,
        device=torch.device("cpu"),
    )  # fmt: skip
    train = create_loader(
        create_dataset("", root=folder / "train"), is_training=True, scale=(0.35, 1), **common
    )
    val = create_loader(create_dataset("", root=folder / "val"), crop_pct=0.875, **common)
    optimizer = create_optimizer_v2(model, opt="sgd", lr=0.1, momentum=0.9, weight_decay=2e-5)
    schedule, _ = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=epochs, updates_per_epoch=len(train),
        step_on_epochs=False, warmup_epochs=0,
    )  # fmt: skip
    loop(model, train, epochs, optimizer, tick, fast=True, after=schedule.step_update)
    return top1(model, val, fast=True)


def torchvision(folder: Path, epochs: int, tick: Tick) -> float:
    """Its reference classification recipe: SGD, lr 0.1 for 256 pictures, float32."""
    from torchvision.models import resnet18

    model = resnet18(num_classes=CLASSES)
    train, val = folders(folder, augmented=True)
    optimizer = torch.optim.SGD(model.parameters(), 0.1 / 4, momentum=0.9, weight_decay=1e-4)
    steps = max(1, epochs // 3)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, steps * len(train), 0.1)
    loop(model, train, epochs, optimizer, tick, after=lambda _: schedule.step())
    return top1(model, val)


def article(folder: Path, epochs: int, tick: Tick) -> float:
    """The W&B article's loop, mended only so far that it runs: Adam without momentum, torchvision's
    network for its own (no pooling, no stem for such pictures), loaders that have names. Neither
    augmentation nor a schedule."""
    from torchvision.models import resnet18

    model = resnet18(num_classes=CLASSES)
    train, val = folders(folder, augmented=False)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)
    loop(model, train, epochs, optimizer, tick)
    return top1(model, val)


def fastai(folder: Path, epochs: int, tick: Tick) -> float:
    """The settings of its Imagenette script: Ranger, flat then cosine, label smoothing."""
    from fastai.vision.all import (
        Callback,
        ImageDataLoaders,
        LabelSmoothingCrossEntropy,
        Learner,
        Normalize,
        RandomResizedCrop,
        accuracy,
        imagenet_stats,
        ranger,
    )
    from torchvision.models import resnet18

    class Ticking(Callback):
        def after_batch(self) -> None:
            if self.training:
                tick()

    loaders = ImageDataLoaders.from_folder(
        folder, train="train", valid="val", bs=BATCH, num_workers=WORKERS,
        item_tfms=RandomResizedCrop(PX, min_scale=0.35),
        batch_tfms=Normalize.from_stats(*imagenet_stats),
    )  # fmt: skip
    optimizer = lambda params, lr: ranger(params, lr, mom=0.95, sqr_mom=0.99, eps=1e-6)  # noqa: E731
    learner = Learner(
        loaders, resnet18(num_classes=CLASSES), opt_func=optimizer, metrics=accuracy,
        loss_func=LabelSmoothingCrossEntropy(), cbs=[Ticking()],
    )  # fmt: skip
    with learner.no_bar(), learner.no_logging():
        learner.fit_flat_cos(epochs, 8e-3, wd=1e-2)
    return 100 * float(learner.recorder.values[-1][-1])


PEERS = {peer.__name__: peer for peer in (ours, timm, torchvision, fastai, article)}


# --- shared ----------------------------------------------------------------------------------


def folders(folder: Path, augmented: bool) -> tuple[Batches, Batches]:
    """torchvision's loaders: random crops and flips, or the centre; float32."""
    from torch.utils.data import DataLoader
    from torchvision import transforms
    from torchvision.datasets import ImageFolder

    ready = [transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
    moved = [transforms.RandomResizedCrop(PX), transforms.RandomHorizontalFlip(), *ready]
    still = [transforms.Resize(round(PX / 0.875)), transforms.CenterCrop(PX), *ready]
    if not augmented:
        moved = still
    common = dict(batch_size=BATCH, num_workers=WORKERS)
    train = ImageFolder(folder / "train", transforms.Compose(moved))
    val = ImageFolder(folder / "val", transforms.Compose(still))
    return (
        DataLoader(train, shuffle=True, drop_last=True, **common),
        DataLoader(val, **common),
    )


def loop(
    model: nn.Module,
    train: Batches,
    epochs: int,
    optimizer: torch.optim.Optimizer,
    tick: Tick,
    fast: bool = False,
    after: Callable[[int], object] = lambda step: None,
) -> None:
    """fast: with channels last, and in bf16 where that is fast. after: called with the number of
    steps done."""
    step = 0
    for _ in range(epochs):
        model.train()
        for images, labels in train:
            if fast:
                images = images.contiguous(memory_format=torch.channels_last)
            with torch.autocast("cpu", torch.bfloat16, enabled=fast and fast_bf16(CPU)):
                loss = F.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            step += 1
            after(step)
            tick()


def top1(model: nn.Module, val: Batches, fast: bool = False) -> float:
    model.eval()
    right = count = 0
    with (
        torch.inference_mode(),
        torch.autocast("cpu", torch.bfloat16, enabled=fast and fast_bf16(CPU)),
    ):
        for images, labels in val:
            right += int((model(images).argmax(1) == labels).sum())
            count += len(labels)
    return 100 * right / count


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=PEERS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=1)
    args = parser.parse_args()
    torch.manual_seed(0)
    clock = Clock(args.steps)
    try:
        print(json.dumps({"top1": PEERS[args.name](args.folder, args.epochs, clock.tick)}))
    except Enough:
        print(json.dumps({"images_per_s": BATCH * args.steps / clock.seconds}))


if __name__ == "__main__":
    main()
