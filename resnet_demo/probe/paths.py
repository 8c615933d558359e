"""The ensemble of paths, exactly: a gradient split by how many blocks it went through.

Each block offers two ways, so n blocks make 2^n paths (Veit et al. 2016, arXiv 1605.06431, who drew
samples of them). Backward from the logit, one gradient is carried for each number of branches
taken: a block hands the shortcut's part on as it is counted, and the branch's part one higher. In
eval mode, at one picture, the parts sum to the whole gradient.
"""

import torch
from torch import Tensor

from resnet_demo.files import Json
from resnet_demo.probe.anatomy import Anatomy, BlockView, Function

AT_ONCE = 8  # gradients that are carried through a layer together


def path_gradients(view: Anatomy, images: Tensor, target: int) -> Tensor:
    """images: (1, 3, H, W). Returns (n + 1, 3, H, W) on the CPU: the gradient of logit `target` by
    the picture over all paths through 0, 1, ... n of the n branches."""
    with torch.no_grad():
        inputs = [view.stem(images)]
        for part in view.parts:
            inputs.append(part.out(inputs[-1]))
    parts = inputs[-1].new_zeros(len(view.parts) + 1, *inputs[-1].shape[1:])
    one = inputs[-1].new_ones(1)
    parts[0] = pulled_back(lambda x: view.head(x)[:, target], inputs[-1], one)[0]
    for part, x in zip(reversed(view.parts), reversed(inputs[:-1])):
        parts = through(part, x, parts)
    return pulled_back(view.stem, images, parts).cpu()


def through(part: BlockView, x: Tensor, parts: Tensor) -> Tensor:
    """What stands before a block, from what stands after it. x: its input (1, C, h, w)."""
    with torch.no_grad():
        branch = run_branch(part, x)
        total = branch if part.shortcut is None else branch + part.shortcut(x)
    at_sum = pulled_back(lambda s: part.activate(s.clone()), total, parts)
    by_branch = pulled_back(lambda y: run_branch(part, y), x, at_sum)
    before = torch.cat([torch.zeros_like(by_branch[:1]), by_branch[:-1]])
    return before if part.shortcut is None else before + pulled_back(part.shortcut, x, at_sum)


def run_branch(part: BlockView, x: Tensor) -> Tensor:
    for _, function in part.branch:
        x = function(x)
    return x


def pulled_back(function: Function, x: Tensor, gradients: Tensor) -> Tensor:
    """The function's transposed Jacobian at x (1, ...), times each of the gradients (K, ...); a
    few at a time, so that memory does not grow with the number of blocks."""
    return torch.cat([pulled_few(function, x, few) for few in gradients.split(AT_ONCE)])


def pulled_few(function: Function, x: Tensor, gradients: Tensor) -> Tensor:
    """Its input is repeated, since in eval mode pictures do not see each other."""
    repeated = x.detach().expand(len(gradients), *x.shape[1:]).clone().requires_grad_()
    with torch.enable_grad():
        out = function(repeated)
    (pulled,) = torch.autograd.grad(out, repeated, gradients.to(out.dtype))
    return pulled


def path_lengths(gradients: Tensor) -> Json:
    """{norms, shares, mean}: norm of each part, its share of their sum in percent, and the mean
    number of branches, weighted by the shares."""
    norms = gradients.flatten(1).double().norm(dim=1)
    shares = norms / norms.sum().clamp(min=1e-300)
    mean = (shares * torch.arange(len(shares))).sum().item()
    return {"norms": norms.tolist(), "shares": (100 * shares).tolist(), "mean": mean}
