import random
from pathlib import Path

import pytest
import torch

from resnet_demo.models import build
from resnet_demo.training.checkpoint import (
    load_state,
    save_state,
    save_weights,
    states,
    thin_out,
    weights_digest,
)


def test_the_newest_three_states_are_kept(tmp_path: Path) -> None:
    for step in (10, 20, 30, 40):
        save_state(tmp_path, {"step": step, "w": torch.ones(3)})
    assert [path.name.split(".")[0] for path in states(tmp_path)] == [
        "step-00000040", "step-00000030", "step-00000020",
    ]  # fmt: skip
    state, spoilt = load_state(tmp_path)
    assert state["step"] == 40 and not spoilt


def test_every_flipped_bit_is_found(tmp_path: Path) -> None:
    """and the state before is used."""
    save_state(tmp_path, {"step": 1, "w": torch.zeros(100)})
    save_state(tmp_path, {"step": 2, "w": torch.ones(100)})
    newest = states(tmp_path)[0]
    good = newest.read_bytes()
    for position in random.Random(0).sample(range(len(good)), 50):
        bad = bytearray(good)
        bad[position] ^= 1 << random.Random(position).randrange(8)
        newest.write_bytes(bad)
        state, spoilt = load_state(tmp_path)
        assert state["step"] == 1 and spoilt == [newest.name]


def test_a_full_disk_leaves_the_last_state(tmp_path: Path, monkeypatch) -> None:
    save_state(tmp_path, {"step": 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError):
        save_state(tmp_path, {"step": 2})
    monkeypatch.undo()
    assert load_state(tmp_path)[0]["step"] == 1 and len(list(tmp_path.iterdir())) == 1


def test_snapshots_stay_evenly_spaced(tmp_path: Path) -> None:
    for epoch in range(1, 101):
        (tmp_path / f"epoch-{epoch:03d}.safetensors").touch()
        thin_out(tmp_path)
    kept = sorted(int(path.stem[6:]) for path in tmp_path.iterdir())
    assert len(kept) <= 20 and kept == list(range(kept[0], 101, kept[0]))


def test_half_precision_halves_the_file(tmp_path: Path) -> None:
    model = build("resnet8", 10)
    save_weights(tmp_path / "a", model, {})
    save_weights(tmp_path / "b", model, {}, half=True)
    assert (tmp_path / "b").stat().st_size < 0.6 * (tmp_path / "a").stat().st_size


def test_the_digest_sees_values_not_layout() -> None:
    weights = {"b": torch.ones(2, 3, 4, 4), "a": torch.zeros(2)}
    same = {"a": weights["a"], "b": weights["b"].contiguous(memory_format=torch.channels_last)}
    assert weights_digest(weights) == weights_digest(same)
    assert weights_digest(weights) != weights_digest({**weights, "a": torch.ones(2)})
