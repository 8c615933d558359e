"""Each sentence is provoked by a real small run."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.config import BUNDLED, Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.diagnosis import Signs, diagnose, signs_of
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store


def sentence(home: Home, config: TrainConfig) -> str:
    run = control.new_run(home, config)
    train_here(home, run)
    with Store(control.run_folder(home, run)) as store:
        return diagnose(signs_of(store))


def test_learning(home: Home, config: TrainConfig) -> None:
    assert sentence(home, replace(config, epochs=6)).startswith("Learning: the loss fell from")


def test_a_classifier_alone_has_no_blocks_to_compare(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, replace(config, arch=BUNDLED, init="bundled", freeze="backbone"))
    train_here(home, run)
    with Store(control.run_folder(home, run)) as store:
        signs = signs_of(store)
    assert signs.first_gradient is None and signs.losses


def test_diverging(home: Home, config: TrainConfig) -> None:
    wild = replace(
        config, optimizer="sgd", lr=3.0, epochs=8, warmup=0.9, label_smoothing=0.0, zero_init=False
    )
    said = sentence(home, wild)
    assert said.startswith("Diverging: the loss rose from") and "Lower the learning rate" in said


def test_not_learning(home: Home, config: TrainConfig, tmp_path: Path) -> None:
    said = sentence(home, replace(config, data=f"folder:{noise(tmp_path, 12)}", lr=1e-7, epochs=6))
    assert said.startswith("Not learning: after 6 epochs")


def test_overfitting(home: Home, config: TrainConfig, tmp_path: Path) -> None:
    """Noise can be learnt by heart, but not understood."""
    data = noise(tmp_path, 8)
    config = replace(config, data=f"folder:{data}", epochs=25, min_crop=1.0, label_smoothing=0.0)
    said = sentence(home, replace(config, lr=0.02))
    assert said.startswith("Overfitting since epoch") and "val_loss rose" in said


def test_a_deep_plain_net_is_lopsided(home: Home, config: TrainConfig) -> None:
    """With batch norm its gradients grow towards the input (a factor of about 2,000 at 56). On all
    pictures at once, at 32 px: with eight of 16 px a batch rounding decides by how much."""
    still = dict(lr=1e-6, warmup=0.9, optimizer="sgd", px=32, start_px=32, num_val=6)
    deep = replace(config, arch="plain110", batch_size=36, epochs=20, **still)
    said = sentence(home, deep)
    assert said.startswith("The first block receives") and "times the last block's" in said


def test_a_starved_first_block_is_named_as_a_fraction() -> None:
    signs = Signs(losses=[2.0] * 30, first_gradient=1e-6, last_gradient=2e-3)
    assert "receives 1/2,000 of the last block's gradient" in diagnose(signs)


@pytest.mark.parametrize("count", [0, 5, 19])
def test_few_steps_say_nothing(count: int) -> None:
    assert diagnose(Signs(losses=[1.0] * count)).startswith("Too early")


def noise(root: Path, count: int) -> Path:
    """Pictures whose classes mean nothing."""
    random = np.random.default_rng(1)
    for split in ("train", "val"):
        for name in "abc":
            place = root / "noise" / split / name
            place.mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 256, (20, 20, 3), dtype=np.uint8)
                Image.fromarray(pixels).save(place / f"{index}.png")
    return root / "noise"


def test_only_what_the_numbers_carry_is_claimed() -> None:
    """Guessing among ten classes is 2.30."""
    said = diagnose(Signs(losses=[2.33] * 10 + [2.32] * 20))
    assert said == "Nothing learnt yet: the loss is 2.32, that of guessing is 2.30."
    assert diagnose(Signs(losses=[0.5] * 30)).startswith("The loss is 0.50, 0.50 at first")
    assert diagnose(Signs(losses=[2.33] * 10 + [1.5] * 20)).startswith("Learning: the loss fell")
