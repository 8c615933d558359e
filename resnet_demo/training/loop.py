"""The training loop: a generator that trains, measures, and leaves the rest to whoever asks.

    for event in Training(config, train, val, classes).run():
        ...                     # store it, draw it, or stop asking

An event comes after every batch, and between two events all is at rest: a consumer can stop,
pause or save within one batch. A run is decided by (config, changes) alone: batch `i` of epoch `e`
by (seed, e, i), the settings of a step by the changes made until then. That makes a resumed run
equal to an uninterrupted one.
"""

import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from resnet_demo import device
from resnet_demo.config import TrainConfig
from resnet_demo.data.augment import cutmix, epoch_order, normalise, padded_batch, whole_batch
from resnet_demo.data.device_crops import batches_of
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.errors import UserError, amount
from resnet_demo.files import Json
from resnet_demo.models import build
from resnet_demo.training.changes import Change, with_changes
from resnet_demo.training.ema import average_weights
from resnet_demo.training.events import Diverged, EpochDone, Event, StepDone, Validating
from resnet_demo.training.gradient_norms import not_finite
from resnet_demo.training.objective import class_weights, mean_loss
from resnet_demo.training.optim import make_optimizer
from resnet_demo.training.paired_filters import Learned, keep_paired
from resnet_demo.training.ranks import ALONE, Ranks, synchronise_norms
from resnet_demo.training.schedule import GentleStart, lr_at, px_at
from resnet_demo.training.scores import scores_of, step_scores
from resnet_demo.training.sharpness import norms_alone, uphill

VAL_BATCH = 128


@dataclass
class Sums:
    """Over the pictures of the present epoch, as they were when trained on."""

    pictures: int = 0
    loss: float = 0.0
    wrong: int = 0


@dataclass
class Training:
    """A network being trained, and where it stands."""

    config: TrainConfig
    train: Pixels
    val: Pixels
    num_classes: int
    weights: dict[str, Tensor] | None = None  # to start from, instead of He initialisation
    changes: list[Change] = field(default_factory=list)  # the consumer may append
    ranks: Ranks = ALONE  # the processes that train it together
    step: int = 0  # batches trained
    epoch: int = 0  # epochs trained and validated
    seconds: float = 0.0  # spent in this loop, also before a resume
    sums: Sums = field(default_factory=Sums)
    val_logits: Tensor | None = None  # (pictures, classes) of the present weights, where known

    def __post_init__(self) -> None:
        if self.config.batch_size > len(self.train):
            raise UserError(
                f"batch_size {self.config.batch_size} is larger than the training data "
                f"({amount(len(self.train), 'picture')}). Choose at most {len(self.train)}."
            )
        self.device = device.device()
        self.train_batch = batches_of(self.train, self.device)
        self.model = device.placed(self.make_model(), self.device)
        if self.config.sync_norms and self.ranks.size > 1:
            synchronise_norms(self.model)
        self.replica = self.ranks.replicate(self.model)  # whose gradients are averaged
        self.learned = Learned(self.model, self.config.paired_filters)
        self.optimizer = make_optimizer(self.learned.named, self.config, self.ranks)
        self.ema = average_weights(self.model, self.config.ema)
        self.steps_per_epoch = self.config.num_batches(len(self.train))
        self.gentle = GentleStart.of(self.config)
        labels, balance, classes = self.train.labels, self.config.balance, self.num_classes
        weighed = balance == "loss"
        self.class_weights = class_weights(labels, classes, self.device) if weighed else None
        self.balanced_by = labels.tobytes() if balance == "sampling" else b""

    def make_model(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):  # no global random state is left changed
            torch.manual_seed(self.config.seed)
            model = build(self.config.arch, self.num_classes, self.config.zero_init)
        if self.weights is not None:
            model.load_state_dict(self.weights)
        return model

    @property
    def settings(self) -> TrainConfig:
        """The configuration with the changes made so far."""
        return with_changes(self.config, [c for c in self.changes if c.step <= self.step])

    @property
    def total_steps(self) -> int:
        settings = self.settings
        whole = settings.epochs * self.steps_per_epoch
        return min(whole, settings.iterations or whole)

    @property
    def best_model(self) -> nn.Module:
        """The weights that are validated and saved."""
        return self.model if self.ema is None else self.ema.module

    def run(self) -> Iterator[Event]:
        """Train until all epochs are validated. Raises Diverged before a step that would spoil
        the weights."""
        while True:
            trained = self.step > self.epoch * self.steps_per_epoch  # and not validated since
            ends = ((self.epoch + 1) * self.steps_per_epoch, self.total_steps)
            if trained and self.step in ends:
                yield from self.validate()
            elif self.step < self.total_steps:
                self.ranks.announce("step", [tuple(change) for change in self.changes])
                yield self.train_step()
            else:
                return

    def train_step(self, lr: float | None = None) -> StepDone:
        """One batch; `lr` overrides the schedule (for the learning-rate finder)."""
        started = time.perf_counter()
        settings = self.settings
        if lr is None:
            lr = lr_at(self.step / self.total_steps, settings) * self.gentle.factor
        indices = self.indices(settings)
        images, labels = self.batch(settings, indices, self.ranks.share(len(indices)))
        buffers = [buffer.clone() for buffer in self.model.buffers()]
        self.replica.train()
        weight = self.ranks.weight(len(labels), len(indices))
        with norms_alone(self.model) if settings.sam_radius else nullcontext():
            loss, logits = self.passes(images, labels, weight)
        if settings.sam_radius:
            self.learned.complete_gradients()
            with uphill(self.model, settings.sam_radius):
                self.passes(images, labels, weight)
        finite, sums = step_scores(loss, logits, labels, self.learned.gradients)
        counts = dict(zip(("loss", "wrong", "pictures"), self.ranks.sum(sums).tolist()))
        if not finite:
            raise self.refused(loss, lr, buffers)
        probing = self.step % settings.probe_every == 0
        metrics = self.learned.block_norms() if probing else {}  # of the weights before the step
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        self.optimizer.step()
        self.learned.lead()
        if self.ema is not None:
            self.ema.update_parameters(self.model)
        self.step, self.val_logits = self.step + 1, None
        metrics |= self.count(counts, len(indices)) | {"lr": lr}
        elapsed = time.perf_counter() - started
        self.seconds += elapsed
        return StepDone(self.step, metrics | {"images_per_s": len(indices) / elapsed})

    def passes(self, images: Tensor, labels: Tensor, weight: float) -> tuple[Tensor, Tensor]:
        """Forward and backward: a batch's loss and logits (B, classes); leaves the gradients."""
        self.model.zero_grad(set_to_none=True)
        with self.ranks.listening():
            with device.autocast(self.device):
                logits = self.logits(self.replica, images)
            loss = mean_loss(logits, labels, self.config.label_smoothing, self.class_weights)
            (loss * weight).backward()
        self.learned.take_gradients()
        return loss, logits

    def indices(self, settings: TrainConfig) -> np.ndarray:
        """Of the pictures in the next batch, that of all processes."""
        epoch, number = divmod(self.step, self.steps_per_epoch)
        order = epoch_order(len(self.train), settings.seed, epoch, self.balanced_by)
        return order[number * settings.batch_size : (number + 1) * settings.batch_size]

    def batch(
        self, settings: TrainConfig, indices: np.ndarray, share: slice
    ) -> tuple[Tensor, Tensor]:
        """This process's share of the next batch: uint8 (B, 3, px, px), and labels: int64 (B,), or
        float32 (B, classes) where pictures were mixed."""
        epoch, number = divmod(self.step, self.steps_per_epoch)
        key = (settings.seed, epoch, number)
        cut = slice(None) if settings.cutmix else share  # others' pictures may be needed
        if settings.crop == "pad":
            images, labels = padded_batch(self.train, indices, key, cut)
        else:
            px = px_at(epoch / settings.epochs, settings.start_px, settings.px)
            images, labels = self.train_batch(indices, px, settings.min_crop, key, cut)
        labels = labels.to(self.device)
        if settings.cutmix:
            images, labels = cutmix(images, labels, self.num_classes, settings.cutmix, key)
            images, labels = images[share], labels[share]
        return images, labels

    def val_batch(self, part: range) -> tuple[Tensor, Tensor]:
        """Validation pictures: uint8 (B, 3, px, px), and labels."""
        return whole_batch(self.val, part)

    def logits(self, model: nn.Module, inputs: Tensor) -> Tensor:
        """Of a batch: float32 (B, classes)."""
        return model(normalise(inputs.to(self.device))).float()

    def refused(self, loss: Tensor, lr: float, buffers: list[Tensor]) -> Diverged:
        """buffers: batch norm's, from before the forward pass; they go back."""
        for buffer, before in zip(self.model.buffers(), buffers):
            buffer.copy_(before)
        bad = not_finite(self.model) if torch.isfinite(loss) else "loss"
        return Diverged.at(self.step + 1, f"The {bad}", lr, self.settings.lr / 4)

    def count(self, counts: dict[str, float], pictures: int) -> dict[str, float]:
        """Add the batch to the epoch's sums; loss and error of the batch."""
        loss = counts["loss"] / counts["pictures"]
        wrong = counts["wrong"] / counts["pictures"]
        self.sums.pictures += pictures
        self.sums.loss += loss * pictures
        self.sums.wrong += round(wrong * pictures)
        self.gentle.see(100 * wrong)
        return {"loss": loss, "error": 100 * wrong}

    def validate(self) -> Iterator[Event]:
        started = time.perf_counter()
        total = len(self.val)
        scores: list[Tensor] = []
        for start in range(0, total, VAL_BATCH):
            part = range(start, min(start + VAL_BATCH, total))
            self.ranks.announce("validate", part)
            scores.append(self.validate_batch(part))
            yield Validating(part.stop, total)
        logits = self.val_logits = torch.cat(scores)
        if not torch.isfinite(logits).all():  # the last step spoilt the weights
            lr = lr_at((self.step - 1) / self.total_steps, self.settings)
            what = "Of the validation pictures a logit"
            raise Diverged.at(self.step, what, lr, self.settings.lr / 4)
        metrics = {
            "train_loss": self.sums.loss / self.sums.pictures,
            "train_error": 100 * self.sums.wrong / self.sums.pictures,
            **scores_of(logits, torch.from_numpy(self.val.labels)),
        }
        self.epoch += 1
        self.sums = Sums()
        metrics["val_seconds"] = time.perf_counter() - started
        self.seconds += metrics["val_seconds"]
        yield EpochDone(self.epoch, self.step, metrics | {"seconds": self.seconds})

    def validate_batch(self, part: range) -> Tensor:
        """Logits (B, classes), on the CPU; each process works out its share of them."""
        model = self.best_model.eval()
        if part.start == 0:
            if self.config.paired_filters:
                keep_paired(self.model)
                keep_paired(model)
            self.ranks.equalise(model.buffers())
        share = self.ranks.share(len(part))
        images, _ = self.val_batch(part[share])
        logits = torch.zeros(len(part), self.num_classes)
        with torch.inference_mode(), device.autocast(self.device):
            logits[share] = self.logits(model, images).cpu()
        if share != slice(0, len(part)):
            self.ranks.sum(logits)
        return logits

    def obey(self, what: str, details: tuple[Any, ...]) -> None:
        """What rank 0 announced, in another process."""
        if what == "load":
            self.load(*details)
        elif what == "step":
            self.changes = [Change(*change) for change in details[0]]
            self.train_step()
        elif what == "validate":
            self.validate_batch(details[0])

    def state(self) -> Json:
        """Everything that a resumed run needs besides its configuration and changes."""
        return {
            "step": self.step,
            "epoch": self.epoch,
            "seconds": self.seconds,
            "sums": vars(self.sums),
            "gentle": vars(self.gentle),
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "ema": None if self.ema is None else self.ema.state_dict(),
        }

    def load(self, state: Json) -> None:
        self.step, self.epoch = state["step"], state["epoch"]
        self.seconds = state["seconds"]
        self.sums = Sums(**state["sums"])
        self.gentle = GentleStart(**state.get("gentle", {"on": False}))  # not in older states
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(self.learned.halved(state["optimizer"], self.optimizer))
        if self.ema is not None:
            self.ema.load_state_dict(state["ema"])
