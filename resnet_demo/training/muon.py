"""Muon: momentum whose matrices are made orthogonal before each step (Jordan et al. 2024).

Up to BLOCK rows equal to timm's Muon, but for the way the same product is reached. Matrices of one
shape go together, and the iteration runs on the small Gram matrix: with Y = X X^T every iterate is
a polynomial of Y times X, so the long matrix X is multiplied twice in all, instead of twice at each
iteration. Larger matrices are made orthogonal in blocks of BLOCK rows, each for itself (Khaled et
al. 2025, arXiv 2510.16981, without their full steps between): for 512 x 4608 a fifth of the
multiply-adds, and no difference in accuracy (bench/records).
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from resnet_demo import device
from resnet_demo.training.ranks import ALONE, Ranks

EPS = 1e-7
BLOCK = 128  # rows
BETAS = (0.9, 0.95)  # of norms and biases, which are no matrices: NAdamW
RMS = 0.2  # of a matrix' step over lr, as AdamW's is (Liu et al. 2025, arXiv 2502.16982)
# a, b, c of x (a + b x^2 + c x^4), the first three of five
# (leloykun.github.io/ponder/muon-opt-coeffs): five do no better and cost a half more.
COEFFICIENTS = ((4.0848, -6.8946, 2.9270), (3.9505, -6.3029, 2.6377), (3.7418, -5.5913, 2.3037))


def orthogonal(stack: Tensor) -> Tensor:
    """The nearest matrices with orthonormal rows (or columns, where these are fewer), roughly:
    (N, rows, columns) to the same.

    Singular values come out between 0.37 and 1.25, apart from those far below the rest: enough
    for training, and what five iterations would add is not seen in accuracy.
    """
    if stack.shape[1] > stack.shape[2]:
        return orthogonal(stack.mT).mT
    norms = torch.linalg.vector_norm(stack, dim=(1, 2), keepdim=True).clamp(min=EPS)
    gram = (stack @ stack.mT) / norms**2
    product = torch.eye(gram.shape[-1], dtype=gram.dtype, device=gram.device).expand_as(gram)
    for number, (a, b, c) in enumerate(COEFFICIENTS):
        factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        factor.diagonal(dim1=1, dim2=2).add_(a)
        product = factor @ product if number else factor
        if number + 1 < len(COEFFICIENTS):
            gram = factor @ (gram @ factor)  # all are polynomials of one matrix: they commute
    return (product / norms) @ stack


def in_blocks(stack: Tensor) -> Tensor:
    """`orthogonal` for each block of rows: (N, rows, columns) to the same."""
    count, rows, columns = stack.shape
    if rows > columns:
        return in_blocks(stack.mT).mT
    if rows <= BLOCK or rows % BLOCK:
        return orthogonal(stack)
    return orthogonal(stack.reshape(-1, BLOCK, columns)).reshape(count, rows, columns)


@dataclass
class Matrices:
    """Of one shape and one group, each (out, in, ...), with what they are to be moved by."""

    group: dict[str, Any]
    weights: list[Tensor]
    steps: Tensor  # (N, rows, columns)

    @property
    def cost(self) -> int:
        """Of one matrix, in proportion to its multiply-adds."""
        _, rows, columns = self.steps.shape
        return min(rows, columns, BLOCK) * rows * columns


class Muon(torch.optim.Optimizer):
    """Steps of matrices are orthogonal, all else takes NAdamW's. A group marked `vectors` holds
    what is not a matrix. Processes that train together share the matrices out."""

    def __init__(
        self,
        groups: Iterable[dict[str, Any]],
        lr: float,
        weight_decay: float,
        momentum: float,
        ranks: Ranks = ALONE,
    ) -> None:
        super().__init__(groups, {"lr": lr, "weight_decay": weight_decay, "momentum": momentum})
        self.ranks = ranks

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        work: list[Matrices] = []
        for group in self.param_groups:
            learned = [p for p in group["params"] if p.grad is not None]
            alike: dict[tuple[int, ...], list[Tensor]] = defaultdict(list)
            for p in learned:
                alike[tuple(p.shape) if is_matrix(p) else ()].append(p)
            for p in alike.pop((), []):
                self.step_vector(p, group)
            work += [self.averaged(weights, group) for weights in alike.values()]
        if self.ranks.size > 1:
            self.share_out(work)
        for matrices in work:
            if self.ranks.size == 1:
                matrices.steps = in_blocks(matrices.steps)
            step_matrices(matrices)

    def averaged(self, weights: list[Tensor], group: dict[str, Any]) -> Matrices:
        """Their gradients, with momentum."""
        rows, columns = weights[0].shape[0], weights[0][0].numel()
        dtype = torch.bfloat16 if device.fast_bf16(weights[0].device) else torch.float32
        stack = weights[0].new_empty((len(weights), rows, columns), dtype=dtype)
        for row, p in zip(stack, weights):
            row.copy_(flat(self.nesterov(p, group["momentum"])))
        return Matrices(group, weights, stack)

    def share_out(self, work: list[Matrices]) -> None:
        """Make the steps orthogonal, in place: each process its own, then it is given the rest."""
        owners = iter(shared_out([m.cost for m in work for _ in m.weights], self.ranks.size))
        parts: list[list[Tensor]] = [[] for _ in range(self.ranks.size)]
        for matrices in work:
            mine = []
            for index, (steps, owner) in enumerate(zip(matrices.steps, owners)):
                parts[owner].append(steps)
                mine += [index] * (owner == self.ranks.rank)
            if mine:
                matrices.steps[mine] = in_blocks(matrices.steps[mine])
        self.ranks.exchange(parts)

    def nesterov(self, p: Tensor, momentum: float) -> Tensor:
        state = self.state[p]
        if not state:
            state["momentum_buffer"] = torch.zeros_like(p)
        assert p.grad is not None
        average = state["momentum_buffer"].lerp_(p.grad, 1 - momentum)
        return p.grad.lerp_(average, momentum)  # in place: it was measured before, and is used up

    def step_vector(self, p: Tensor, group: dict[str, Any]) -> None:
        """NAdamW: AdamW whose average looks one step ahead (Dozat 2016). Written out, since timm's
        takes longer to import than a training's first steps take."""
        assert p.grad is not None
        state = self.state[p]
        if not state:
            zeros = {name: torch.zeros_like(p) for name in ("exp_avg", "exp_avg_sq")}
            state |= {"step": torch.tensor(0.0)} | zeros
        state["step"] += 1
        unbias, unbias_square = (1 - beta ** state["step"].item() for beta in BETAS)
        p.mul_(1 - group["lr"] * group["weight_decay"])
        average = state["exp_avg"].lerp_(p.grad, 1 - BETAS[0])
        square = state["exp_avg_sq"].mul_(BETAS[1]).addcmul_(p.grad, p.grad, value=1 - BETAS[1])
        size = (square.sqrt() / unbias_square**0.5).add_(EPS)
        p.addcdiv_(average.lerp(p.grad, 1 - BETAS[0]), size, value=-group["lr"] / unbias)


def step_matrices(matrices: Matrices) -> None:
    group = matrices.group
    scale = RMS * max(matrices.steps.shape[1:]) ** 0.5
    for step, p in zip(matrices.steps, matrices.weights):
        p.mul_(1 - group["lr"] * group["weight_decay"])
        flat(p).add_(step, alpha=-group["lr"] * scale)


def shared_out(costs: list[int], ranks: int) -> list[int]:
    """Who does what: the dearest first, each to whom has least to do."""
    loads, owners = [0] * ranks, [0] * len(costs)
    for index in sorted(range(len(costs)), key=lambda index: -costs[index]):
        owners[index] = loads.index(min(loads))
        loads[owners[index]] += costs[index]
    return owners


def is_matrix(p: Tensor) -> bool:
    """Whether it maps many things to many things; what maps to fewer than four stays with NAdamW,
    as in timm."""
    return p.ndim > 1 and min(p.shape[0], p[0].numel()) >= 4


def flat(weight: Tensor) -> Tensor:
    """(out, in, h, w) -> (out, h * w * in), a view where channels are last in memory: the order of
    columns makes no difference to the nearest orthogonal matrix."""
    return weight.movedim(1, -1).flatten(1) if weight.ndim > 2 else weight
