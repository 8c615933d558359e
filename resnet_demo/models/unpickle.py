"""A process of its own, with limits: tensors out of a pickled checkpoint, into a safetensors file.

python -m resnet_demo.models.unpickle FILE NEW

Only tensors are unpickled (`torch.load(weights_only=True)`): no code of the file is run.
"""

import resource
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.limits import limit

if TYPE_CHECKING:  # imported under the limits of this process
    import torch

NESTED = ("state_dict", "model_state_dict", "model_state", "model", "net", "weights")
SECONDS, BYTES = 120, 16 * 2**30  # address space: torch itself maps several GiB


def tensors_in(content: object) -> "dict[object, torch.Tensor]":
    """The state dict, which trainers wrap in dicts of their own."""
    import torch

    for _ in range(3):
        if not isinstance(content, dict):
            break
        if any(isinstance(value, torch.Tensor) for value in content.values()):
            return {k: v for k, v in content.items() if isinstance(v, torch.Tensor)}
        content = next((content[name] for name in NESTED if name in content), None)
    raise SystemExit("it holds no state dict of tensors")


def main(source: str, target: str) -> None:
    limit(resource.RLIMIT_CPU, SECONDS)
    limit(resource.RLIMIT_AS, BYTES)
    import torch
    from safetensors.torch import save_file

    try:
        content = torch.load(source, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile file fails in any way
        raise SystemExit(str(error).splitlines()[0][:120] or type(error).__name__) from None
    dense = {str(k): v.detach().clone().contiguous() for k, v in tensors_in(content).items()}
    save_file(dense, Path(target))


if __name__ == "__main__":
    main(*sys.argv[1:])
