"""Processes that train one network together, started by torchrun (torch.distributed).

Rank 0 decides and writes; the others do what it announces. A batch is the same set of pictures
however many share it, each process takes an equal part, and gradients are averaged, so that one
process and many take the same steps.
"""

import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from resnet_demo import device
from resnet_demo.errors import UserError

PATIENCE = timedelta(minutes=10)  # a process that is silent for longer is taken for dead


class RanksLost(UserError):
    """The other processes are gone. What was under way when it was noticed is not to be saved."""


@dataclass(frozen=True)
class Ranks:
    """Which of how many processes this is. Alone, every method leaves all as it is."""

    rank: int = 0
    size: int = 1

    def share(self, count: int) -> slice:
        """This process's part of `count` pictures. Too few to part are seen by all: the mean of
        equal gradients is the gradient."""
        if count < 2 * self.size:  # batch norm wants two
            return slice(0, count)
        return slice(count * self.rank // self.size, count * (self.rank + 1) // self.size)

    def weight(self, mine: int, count: int) -> float:
        """Of the mean over this process's pictures, where the processes' gradients are averaged."""
        return self.size * mine / count if mine < count else 1.0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Raises RanksLost where the others are no longer heard."""
        try:
            yield
        except torch.OutOfMemoryError:
            raise
        except RuntimeError as error:
            if self.size == 1:
                raise
            raise RanksLost(
                f"Process {self.rank} of {self.size} no longer hears the others "
                f"({first_line(error)}): one ended, or is stuck. Resume the run: it goes on from "
                f"its last checkpoint. With torchrun --max-restarts=3 it does so by itself."
            ) from error

    def sum(self, tensor: Tensor) -> Tensor:
        """Over all processes, in place."""
        if self.size > 1:
            with self.listening():
                dist.all_reduce(tensor)
        return tensor

    def equalise(self, tensors: Iterable[Tensor]) -> None:
        """Rank 0's values for all, in place."""
        with self.listening():
            for tensor in tensors if self.size > 1 else ():
                dist.broadcast(tensor, src=0)

    def exchange(self, parts: list[list[Tensor]]) -> None:
        """`parts[r]` is what rank r worked out; afterwards all have it, in place."""
        for rank, tensors in enumerate(parts if self.size > 1 else []):
            if tensors:
                message = torch.cat([tensor.flatten() for tensor in tensors])
                with self.listening():
                    dist.broadcast(message, src=rank)
                for tensor, values in zip(tensors, message.split([t.numel() for t in tensors])):
                    tensor.copy_(values.view_as(tensor))

    def announce(self, what: str, *details: Any) -> None:
        """Rank 0 tells the others what comes next: pickled, among processes of one person."""
        if self.size > 1:
            with self.listening():
                dist.broadcast_object_list([(what, details)], src=0, device=torch.device("cpu"))

    def hear(self) -> tuple[str, tuple[Any, ...]]:
        box: list[Any] = [None]
        with self.listening():
            dist.broadcast_object_list(box, src=0, device=torch.device("cpu"))
        return box[0]

    def replicate(self, model: nn.Module) -> nn.Module:
        """The model with gradients that are averaged over all processes."""
        if self.size == 1:
            return model
        with warnings.catch_warnings():  # the new name of `broadcast_buffers` is not in torch 2.11
            warnings.simplefilter("ignore", FutureWarning)
            # Without `find_unused_parameters` the order of the sums is chosen anew after the first
            # step, and a resumed run would differ from an uninterrupted one in its last digits.
            return DistributedDataParallel(
                model,
                broadcast_buffers=False,
                find_unused_parameters=True,
                gradient_as_bucket_view=True,
            )


ALONE = Ranks()


def join(patience: timedelta = PATIENCE) -> Ranks:
    """Meet the other processes. Raises UserError when they do not come."""
    on, backend = device.device(), "gloo"
    if on.type == "cuda":  # words between processes stay on the CPU
        torch.cuda.set_device(on)
        backend = "cpu:gloo,cuda:nccl"
    try:
        store, rank, size = next(dist.rendezvous("env://", timeout=patience))
        # torchrun may keep its store when it starts all again: the dead ones' addresses are in it.
        attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0")
        mine = dist.PrefixStore(f"attempt {attempt}", store)
        dist.init_process_group(backend, store=mine, rank=rank, world_size=size, timeout=patience)
    except (RuntimeError, ValueError) as error:
        raise UserError(
            f"The processes that torchrun started did not meet ({first_line(error)}). Start them "
            f"with torchrun, as in torchrun --nproc-per-node=2 -m resnet_demo train."
        ) from error
    return Ranks(dist.get_rank(), dist.get_world_size())


def leave() -> None:
    if dist.is_initialized():
        dist.destroy_process_group()


def first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0][:200]


class SumOverRanks(torch.autograd.Function):
    """A sum that all have has all their gradients' sum as its gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return SumOverRanks.forward(ctx, grad)


class SyncedBatchNorm2d(nn.BatchNorm2d):
    """Mean and variance over the batch of all processes. torch's SyncBatchNorm needs a GPU."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W), any float type, to the same."""
        if not self.training:
            return super().forward(x)
        wide, total = x.float(), SumOverRanks.apply
        count = total(torch.tensor(float(x.numel() // x.shape[1]), device=x.device))
        mean = total(wide.sum((0, 2, 3))) / count
        centred = wide - mean.view(1, -1, 1, 1)
        variance = total(centred.square().sum((0, 2, 3))) / count
        self.follow_statistics(mean.detach(), variance.detach() * count / (count - 1))
        scale = self.weight * (variance + self.eps).rsqrt()
        out = centred * scale.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return out.to(x.dtype)

    @torch.no_grad()
    def follow_statistics(self, mean: Tensor, variance: Tensor) -> None:
        assert self.running_mean is not None and self.running_var is not None
        assert self.num_batches_tracked is not None and self.momentum is not None
        self.num_batches_tracked += 1
        self.running_mean.lerp_(mean, self.momentum)
        self.running_var.lerp_(variance, self.momentum)


def synchronise_norms(model: nn.Module) -> None:
    """In place; names and values stay."""
    for module in model.modules():
        if type(module) is nn.BatchNorm2d:
            module.__class__ = SyncedBatchNorm2d
