"""What a lab trains; the paper's section 4.2, statement by statement."""

import math
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.augment import padded_batch
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.errors import UserError
from resnet_demo.lab import protocols
from resnet_demo.models import build
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.training.optim import make_optimizer
from resnet_demo.training.schedule import GentleStart, lr_at
from tests.conftest import draw_folder
from tests.runs.test_worker import rows, start_process


@pytest.fixture
def paper(home: Home) -> list[TrainConfig]:
    return protocols.configs("paper", "cifar10", home)


@pytest.mark.parametrize("protocol", protocols.PROTOCOLS)
def test_networks_of_a_lab_differ_in_arch_and_seed_only(protocol: str, home: Home) -> None:
    found = [asdict(config) for config in protocols.configs(protocol, "cifar10", home)]
    differing = {name for one in found for name in one if one[name] != found[0][name]}
    assert differing <= {"arch", "seed"}
    pairs = {(config["arch"], config["seed"]) for config in found}
    assert len(pairs) == len(found)
    assert {(arch.replace("plain", "resnet"), seed) for arch, seed in pairs} <= pairs  # all twins


def test_depths_and_seeds_can_be_chosen(home: Home) -> None:
    found = protocols.configs("quick", "shapes", home, (20, 44, 20), 2)
    assert sorted({config.depth for config in found}) == [20, 44]
    assert {config.seed for config in found} == {0, 1} and len(found) == 8


@pytest.mark.parametrize("depth", [35, 50, 0, -20])
def test_a_depth_that_is_none_is_refused_with_the_reason(depth: int, home: Home) -> None:
    with pytest.raises(UserError, match=rf"{depth} layers cannot be built: .*6n \+ 2"):
        protocols.configs("quick", "shapes", home, (20, depth))


@pytest.mark.parametrize("seeds", [-1, 11])
def test_a_number_of_seeds_that_makes_no_sense_is_refused(seeds: int, home: Home) -> None:
    with pytest.raises(UserError, match=rf"seeds must lie .* Got {seeds}"):
        protocols.configs("quick", "shapes", home, (), seeds)


def test_no_block_starts_as_the_identity(home: Home) -> None:
    for protocol in protocols.PROTOCOLS:
        for config in protocols.configs(protocol, "cifar10", home):
            assert not config.zero_init and config.label_smoothing == 0


# --- "We use a weight decay of 0.0001 and momentum of 0.9"


def test_paper_sgd_has_momentum_and_decays_every_weight(paper: list[TrainConfig]) -> None:
    model = build("resnet20", 10)
    optimizer = make_optimizer(dict(model.named_parameters()), paper[0])
    assert isinstance(optimizer, torch.optim.SGD)
    decayed = [p for group in optimizer.param_groups for p in group["params"]]
    assert len(decayed) == len(list(model.parameters()))
    for group in optimizer.param_groups:
        assert (group["weight_decay"], group["momentum"], group["nesterov"]) == (1e-4, 0.9, False)


# --- "a mini-batch size of 128 ... start with a learning rate of 0.1, divide it by 10 at 32k and
#      48k iterations, and terminate training at 64k iterations"


def test_paper_schedule_drops_at_32k_and_48k_of_64k(paper: list[TrainConfig]) -> None:
    config = paper[0]
    assert (config.batch_size, config.iterations, config.lr) == (128, 64_000, 0.1)
    rate = lambda iteration: lr_at(iteration / 64_000, config)  # noqa: E731
    assert [rate(i) for i in (0, 31_999)] == [0.1, 0.1]
    assert [rate(i) for i in (32_000, 47_999)] == pytest.approx([0.01, 0.01])
    assert [rate(i) for i in (48_000, 63_999)] == pytest.approx([0.001, 0.001])


@pytest.mark.parametrize("data", ["cifar10", "imagenette", "shapes"])
def test_paper_epochs_reach_64k_iterations_on_all_pictures(data: str, home: Home) -> None:
    from resnet_demo.data.sources import count

    config = protocols.configs("paper", data, home)[0]
    per_epoch = config.num_batches(count(config, home)[1])
    assert (config.epochs - 1) * per_epoch < 64_000 <= config.epochs * per_epoch


# --- "4 pixels are padded on each side, and a 32x32 crop is randomly sampled from the padded image
#      or its horizontal flip"


def test_paper_crops_are_windows_of_the_padded_picture_or_its_mirror_image() -> None:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (400, 32, 32, 3), dtype=np.uint8)
    images[:] = images[0]  # one picture, many crops
    pixels = Pixels(images, np.zeros(400, np.int64), ("",) * 400, ())
    crops, _ = padded_batch(pixels, np.arange(400), (0, 0, 0))
    grey = np.round(255 * np.array([0.485, 0.456, 0.406])).astype(np.uint8)
    padded = np.empty((40, 40, 3), np.uint8)
    padded[:] = grey
    padded[4:36, 4:36] = images[0]
    windows = {}
    for top in range(9):
        for left in range(9):
            window = padded[top : top + 32, left : left + 32]
            windows[window.tobytes()] = (top, left, False)
            windows[np.ascontiguousarray(window[:, ::-1]).tobytes()] = (top, left, True)
    seen = [windows[crop.permute(1, 2, 0).contiguous().numpy().tobytes()] for crop in crops]
    assert {top for top, _, _ in seen} == {left for _, left, _ in seen} == set(range(9))
    assert 120 < sum(flipped for _, _, flipped in seen) < 280


def test_paper_crops_depend_on_their_key_alone() -> None:
    images = np.random.default_rng(0).integers(0, 256, (8, 32, 32, 3), dtype=np.uint8)
    pixels = Pixels(images, np.arange(8), ("",) * 8, ())
    first, again, other = (padded_batch(pixels, np.arange(8), (0, 0, k))[0] for k in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_paper_validates_on_the_single_view_of_the_original(paper: list[TrainConfig]) -> None:
    assert {(config.px, config.start_px, config.val_px) for config in paper} == {(32, 32, 32)}


# --- "we adopt the weight initialization in [13]"


def test_paper_initialisation_has_variance_two_over_fan(paper: list[TrainConfig]) -> None:
    torch.manual_seed(0)
    for name, weight in build("plain56", 10).named_parameters():
        if weight.ndim == 4:
            fan = weight.shape[0] * weight[0, 0].numel()
            assert weight.std().item() == pytest.approx(math.sqrt(2 / fan), rel=0.2), name
        elif "bn" in name:
            assert set(weight.tolist()) == {1.0 if name.endswith("weight") else 0.0}


# --- "n = 18 ... we use 0.01 to warm up the training until the training error is below 80%"


def test_only_110_layers_start_gently(paper: list[TrainConfig]) -> None:
    gentle = {config.arch for config in paper if GentleStart.of(config).on}
    assert gentle == {"plain110", "resnet110"}


def test_the_gentle_start_ends_for_good_below_80_percent() -> None:
    start = GentleStart(on=True)
    for _ in range(100):
        start.see(90.0)
    assert start.factor == 0.1
    for _ in range(20):
        start.see(79.0)
    assert start.factor == 1.0
    start.see(95.0)
    assert start.factor == 1.0


# --- bit for bit


def test_the_first_200_steps_of_the_paper_survive_kills(home: Home, tmp_path: Path) -> None:
    data = f"folder:{draw_folder(tmp_path / 'many', 110, 4, px=32)}"
    (config, _) = protocols.configs("paper", data, home, (8,))
    short = replace(config, iterations=200)
    assert config.num_batches(330) == 3
    run, reference = (control.new_run(home, short, save_every=0) for _ in range(2))
    for steps in (60, 75):
        assert start_process(home, run, "step", steps).wait(120) < 0
    assert start_process(home, run).wait(120) == 0
    train_here(home, reference)
    assert rows(home, run) == rows(home, reference)
    with Store(control.run_folder(home, run)) as store:
        losses = store.metrics(["loss"])["loss"]
        assert [step for step, _ in losses] == list(range(1, 201))
