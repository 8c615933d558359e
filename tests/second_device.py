"""A second device that computes on the CPU: what meets it must have been brought to it.

Its tensors say that they are on `meta` and hold real ones; an operation on some of them and a
tensor that was left behind on the CPU is refused, as a GPU would, and so is float64, as a Mac's GPU
would.
"""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map

THERE = torch.device("meta")


class There(Tensor):
    """A tensor on the second device."""

    inner: Tensor

    @staticmethod
    def __new__(cls, inner: Tensor) -> "There":
        made = torch.Tensor._make_wrapper_subclass(
            cls, inner.shape, strides=inner.stride(), storage_offset=inner.storage_offset(),
            dtype=inner.dtype, device=THERE, requires_grad=inner.requires_grad,
        )  # fmt: skip
        made.inner = inner
        return made

    def __init__(self, inner: Tensor) -> None: ...

    def __repr__(self) -> str:
        return f"There({self.inner!r})"

    @classmethod
    def __torch_dispatch__(
        cls, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return obeyed(function, args, kwargs or {})


class SecondDevice(TorchDispatchMode):
    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        return obeyed(function, args, kwargs or {})


class Readings(SecondDevice):
    """Counts how often something is read from the device: each time it has to be waited for."""

    count = 0

    def __torch_dispatch__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        there = bool(args) and isinstance(args[0], There)
        result = super().__torch_dispatch__(function, types, args, kwargs)
        self.count += (
            there
            and isinstance(result, Tensor | bool | int | float)
            and not isinstance(result, There)
        )
        return result


def obeyed(function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    there = any(isinstance(one, There) for one in tensors)
    asked = kwargs.get("device")
    moves = function in (torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default)
    if there and not moves:
        left = [one for one in tensors if not isinstance(one, There) and one.dim()]
        if left:
            raise RuntimeError(f"{function}: {tuple(left[0].shape)} was left behind on the CPU")
    if asked is not None:
        there = torch.device(asked) == THERE
        kwargs = kwargs | {"device": torch.device("cpu")}
    bare = lambda leaf: leaf.inner if isinstance(leaf, There) else leaf  # noqa: E731
    result = function(*tree_map(bare, args), **tree_map(bare, kwargs))
    made = [leaf.dtype for leaf in tree_leaves(result) if isinstance(leaf, Tensor)]
    if there and torch.float64 in made:
        raise TypeError(f"{function}: there is no float64 there")
    if function._schema.name.endswith("_") and tensors and isinstance(tensors[0], Tensor):
        return args[0] if isinstance(args[0], Tensor) else result  # in place
    if function is torch.ops.aten._local_scalar_dense.default:
        return result
    wrapped = lambda leaf: There(leaf) if there and isinstance(leaf, Tensor) else leaf  # noqa: E731
    return tree_map(wrapped, result)
