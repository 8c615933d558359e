"""Resume states and weight files, each written whole or not at all.

A resume state carries its SHA-256 in its name: a flipped bit is found before anything is loaded.
Weight files are safetensors that describe themselves (ARCH, class names, preprocessing, scores).
"""

import hashlib
import io
import json
from pathlib import Path

import torch
from safetensors.torch import save as to_safetensors
from torch import Tensor, nn

from resnet_demo.files import Json, write_whole

KEPT = 3  # resume states
SNAPSHOTS = 20  # epoch snapshots at most


def save_state(folder: Path, state: Json) -> None:
    """Raises OSError when the disk is full; older states stay as they are."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    with buffer.getbuffer() as data:  # let go of also where the disk is full
        name = f"step-{state['step']:08d}.{hashlib.sha256(data).hexdigest()}.pt"
        write_whole(folder / name, lambda file: file.write(data))
    for old in states(folder)[KEPT:]:
        old.unlink(missing_ok=True)


def states(folder: Path) -> list[Path]:
    """Newest first."""
    return sorted(folder.glob("step-*.pt"), reverse=True)


def load_state(folder: Path) -> tuple[Json | None, list[str]]:
    """The newest state whose bytes are as they were written; damaged ones are removed and named."""
    corrupt: list[str] = []
    for path in states(folder):
        data = path.read_bytes()
        if hashlib.sha256(data).hexdigest() == path.name.split(".")[1]:
            return torch.load(io.BytesIO(data), map_location="cpu", weights_only=True), corrupt
        corrupt.append(path.name)
        path.unlink()  # it would crowd out the states that follow
    return None, corrupt


def save_weights(path: Path, model: nn.Module, about: dict[str, str], half: bool = False) -> None:
    """safetensors under torchvision's parameter names; `half` stores floats in 16 bits."""
    tensors = {name: storable(tensor, half) for name, tensor in model.state_dict().items()}
    data = ordered(to_safetensors(tensors, metadata=about))
    write_whole(path, lambda file: file.write(data))


def ordered(data: bytes) -> bytes:
    """The same weights are the same bytes: its library writes the header in any order. A header's
    length stands in the first 8 bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.dumps(
        json.loads(data[8:end]), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )
    padded = header.encode().ljust(end - 8)
    return data[:8] + padded + data[end:] if len(padded) == end - 8 else data


def storable(tensor: Tensor, half: bool) -> Tensor:
    tensor = tensor.detach().cpu().contiguous()
    return tensor.half() if half and tensor.is_floating_point() else tensor


def thin_out(folder: Path) -> None:
    """Keep at most SNAPSHOTS epoch files, evenly spaced: every one, every second, every fourth."""
    files = {int(path.stem.split("-")[1]): path for path in folder.glob("epoch-*.safetensors")}
    stride = 1
    while max(files) // stride > SNAPSHOTS:
        stride *= 2
    for epoch, path in files.items():
        if epoch % stride:
            path.unlink(missing_ok=True)


def weights_digest(tensors: dict[str, Tensor]) -> str:
    """SHA-256 over the tensors' bytes in name order."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(tensor.view(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
