from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import device_crops
from resnet_demo.data.augment import (
    cutmix,
    epoch_order,
    normalise,
    padded_batch,
    random_box,
    train_batch,
    whole_batch,
)
from resnet_demo.data.device_crops import DeviceCrops
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import CROP_MARGIN, Pixels, cached_pixels
from resnet_demo.images.decode import square
from tests.data.test_pixel_cache import drained


@pytest.fixture
def pixels(pictures: Path, home: Home) -> Pixels:
    return drained(cached_pixels(folder(pictures).train, 20, home.caches))[1]


def test_a_batch_depends_on_its_key_alone(pixels: Pixels) -> None:
    indices = np.array([3, 1, 4])
    first, labels = train_batch(pixels, indices, 16, 0.5, (0, 1, 2))
    train_batch(pixels, indices, 16, 0.5, (0, 1, 3))
    torch.manual_seed(7), np.random.seed(7)
    again, _ = train_batch(pixels, indices, 16, 0.5, (0, 1, 2))
    other, _ = train_batch(pixels, indices, 16, 0.5, (0, 2, 2))
    assert torch.equal(first, again) and not torch.equal(first, other)
    assert first.shape == (3, 3, 16, 16) and first.dtype == torch.uint8
    assert labels.tolist() == [0, 0, 0]


@pytest.mark.parametrize("px", [8, 20, 33])
@pytest.mark.parametrize("kept", [True, False], ids=["pixels there", "pixels brought"])
def test_an_accelerator_cuts_the_same_crops_to_a_level(
    pixels: Pixels, px: int, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not kept:
        monkeypatch.setattr(device_crops, "MOST_BYTES", 0)
    indices, key, share = np.array([5, 3, 11, 1, 4, 0, 7]), (0, 1, 2), slice(1, 6)
    wanted, labels = train_batch(pixels, indices, px, 0.2, key, share)
    there = DeviceCrops(pixels, torch.device("cpu"))
    assert (there.there is not None) is kept
    got, same = train_batch(pixels, indices, px, 0.2, key, share, there.cut)
    assert got.is_contiguous(memory_format=torch.channels_last) and torch.equal(labels, same)
    assert (got.int() - wanted.int()).abs().max() <= 1


@pytest.mark.parametrize("number", range(5))
def test_mixed_pictures_are_of_two_and_labels_say_how_much_of_each(number: int) -> None:
    labels, key = torch.tensor([2, 0, 1, 1]), (0, 3, number)
    whole = torch.arange(4, dtype=torch.uint8).view(4, 1, 1, 1).repeat(1, 3, 20, 20)
    images, shares = cutmix(whole.clone(), labels, 3, 1.0, key)
    partner = torch.tensor([3, 2, 1, 0]).view(4, 1, 1, 1)
    assert ((images == whole) | (images == partner)).all()
    lent = (images == partner).double().mean((1, 2, 3))
    wanted = F.one_hot(labels, 3) * (1 - lent)[:, None] + F.one_hot(labels.flip(0), 3) * lent[0]
    torch.testing.assert_close(shares.double(), wanted, rtol=0, atol=1e-6)
    again, _ = cutmix(whole.clone(), labels, 3, 1.0, key)
    assert torch.equal(images, again)


def test_as_many_batches_are_mixed_as_asked_for() -> None:
    images, labels = torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1])
    mixed = [cutmix(images, labels, 2, 0.25, (0, 0, k))[1].ndim == 2 for k in range(400)]
    assert np.mean(mixed) == pytest.approx(0.25, abs=0.06)
    assert all(cutmix(images, labels, 2, 0.0, (0, 0, k))[1] is labels for k in range(20))


def test_every_epoch_sees_every_picture_once_in_its_own_order() -> None:
    orders = [epoch_order(50, 0, epoch) for epoch in (0, 1)]
    assert all(sorted(order) == list(range(50)) for order in orders)
    assert not np.array_equal(*orders)


def test_a_last_batch_of_one_is_left_out() -> None:
    config = TrainConfig(batch_size=8)
    assert [config.num_batches(count) for count in (16, 17, 18)] == [2, 2, 3]


def test_crops_keep_at_least_their_share_of_the_area() -> None:
    random = np.random.default_rng(0)
    picture = np.zeros((100, 100))
    areas = [picture[random_box(100, 0.36, random)].size for _ in range(300)]
    assert min(areas) > 0.33 * 100**2 and max(areas) > 0.9 * 100**2


def test_half_of_the_pictures_are_flipped_and_the_other_half_in_the_next_epoch() -> None:
    left_white = np.zeros((200, 16, 16, 3), np.uint8)
    left_white[:, :, :8] = 255
    pixels = Pixels(left_white, np.zeros(200, np.int64), ("",) * 200, ())
    batches = [train_batch(pixels, np.arange(200), 16, 1.0, (0, e, e))[0] for e in range(3)]
    flipped = [images[:, 0, 8, 2] < 128 for images in batches]
    assert 60 < flipped[0].sum() < 140
    assert torch.equal(flipped[0], ~flipped[1]) and torch.equal(flipped[0], flipped[2])


def test_validation_pictures_are_left_alone(pixels: Pixels) -> None:
    images, labels = whole_batch(pixels, range(4, 6))
    assert np.array_equal(images.permute(0, 2, 3, 1).numpy(), pixels.images[4:6])
    assert labels.tolist() == list(pixels.labels[4:6])


def test_normalised_values_are_imagenets() -> None:
    white = normalise(torch.full((1, 3, 2, 2), 255, dtype=torch.uint8))
    assert torch.allclose(white[0, :, 0, 0], torch.tensor([2.2489, 2.4286, 2.6400]), atol=1e-3)


@pytest.mark.parametrize("crop", ["area", "pad"])
def test_a_share_of_a_batch_is_cut_as_in_the_whole(crop: str) -> None:
    random = np.random.default_rng(0)
    drawn = random.integers(0, 256, (20, 16, 16, 3), np.uint8)
    pixels = Pixels(drawn, np.arange(20), ("",) * 20, ())

    def batch(share: slice) -> tuple[torch.Tensor, torch.Tensor]:
        if crop == "pad":
            return padded_batch(pixels, np.arange(3, 17), (0, 1, 2), share)
        return train_batch(pixels, np.arange(3, 17), 12, 0.4, (0, 1, 2), share)

    whole, parts = batch(slice(None)), [batch(slice(0, 5)), batch(slice(5, 14))]
    for expected, *found in zip(whole, *parts):
        assert torch.equal(torch.cat(found), expected)


def test_crops_are_as_sharp_as_validation_pictures() -> None:
    """A network that learns from softer pictures than it is shown is less often right. As softness
    shows: by second differences, of a picture whose detail is finer than what is kept of it."""
    random, px = np.random.default_rng(0), 32
    detailed = random.integers(0, 256, (3 * px, 3 * px, 3), np.uint8)
    kept = np.repeat(square(detailed, round(px * CROP_MARGIN))[None], 64, 0)
    pixels = Pixels(kept, np.zeros(64, np.int64), ("",) * 64, ())
    crops, _ = train_batch(pixels, np.arange(64), px, 0.6, (0, 0, 0))
    shown = torch.from_numpy(square(detailed, px, 0.875).copy()).permute(2, 0, 1)
    assert 0.75 < sharpness(crops) / sharpness(shown[None]) < 1.1


def sharpness(images: torch.Tensor) -> float:
    return images.float().diff(dim=2, n=2).square().mean().item()
