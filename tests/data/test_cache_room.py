"""Pixel caches take no more of the disk than is good: old ones go, on a full disk more of them."""

import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from resnet_demo.config import Home
from resnet_demo.data import cache_room
from resnet_demo.data.cache_room import KEPT_SECONDS, make_room
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import cached_pixels
from resnet_demo.errors import UserError
from resnet_demo.progress import finish

SIDES = (8, 16, 24)
HOUR = 3600.0


@pytest.fixture
def caches(pictures: Path, home: Home) -> dict[int, Path]:
    """One a side; the smallest was used longest ago, the largest just now."""
    made = {}
    for px in SIDES:
        before = set(home.caches.glob("*.npy"))
        finish(cached_pixels(folder(pictures).train, px, home.caches))
        (made[px],) = set(home.caches.glob("*.npy")) - before
    for px, hours in zip(SIDES, (5, 3, 0)):
        unused_for(made[px], hours * HOUR)
    return made


def unused_for(cache: Path, seconds: float) -> None:
    for path in cache.parent.glob(f"{cache.stem}.*"):
        os.utime(path, (time.time() - seconds,) * 2)


def there(caches: dict[int, Path]) -> list[int]:
    whole = lambda path: path.exists() and path.with_suffix(".json").exists()  # noqa: E731
    return [px for px, path in caches.items() if whole(path)]


def full(monkeypatch, bytes_free: list[int]) -> None:
    """A disk that has as much left, each time one looks."""
    left = iter(bytes_free)
    monkeypatch.setattr(
        shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(2**40, 2**40, next(left))
    )


def test_with_room_enough_a_month_is_kept(caches, home: Home) -> None:
    unused_for(caches[8], KEPT_SECONDS - HOUR)
    assert make_room(home.caches, 1) == 0 and there(caches) == [8, 16, 24]
    unused_for(caches[8], KEPT_SECONDS + HOUR)
    assert make_room(home.caches, 1) == 1 and there(caches) == [16, 24]


def test_on_a_full_disk_the_one_used_longest_ago_goes_first(
    caches, home: Home, monkeypatch
) -> None:
    full(monkeypatch, [0, 2**31, 2**31])
    assert make_room(home.caches, 1) == 1 and there(caches) == [16, 24]
    full(monkeypatch, [0, 0])
    assert make_room(home.caches, 1) == 1 and there(caches) == [24]  # that is in use


def test_use_is_noted_and_what_went_is_made_again(caches, pictures, home: Home) -> None:
    split = folder(pictures).train
    before = np.load(caches[8]).copy()
    unused_for(caches[8], KEPT_SECONDS + HOUR)
    kept = finish(cached_pixels(split, 8, home.caches))  # used, so that it stays
    assert make_room(home.caches, 1) == 0
    unused_for(caches[8], KEPT_SECONDS + HOUR)
    assert make_room(home.caches, 1) == 1 and np.array_equal(kept.images, before)
    assert np.array_equal(finish(cached_pixels(split, 8, home.caches)).images, before)


def test_what_a_killed_build_left_goes_too_and_nothing_else(caches, home: Home) -> None:
    for name in ("abc.123.partial", "abc.123.partial-notes", "speeds.json", "stray"):
        (home.caches / name).touch()
        os.utime(home.caches / name, (1, 1))
    assert make_room(home.caches, 1) == 1 and there(caches) == [8, 16, 24]
    assert not list(home.caches.glob("*partial*"))
    assert (home.caches / "speeds.json").exists() and (home.caches / "stray").exists()


def test_a_new_cache_makes_its_room(caches, pictures, home: Home, monkeypatch) -> None:
    monkeypatch.setattr(cache_room, "SPARE_BYTES", 2**62)
    finish(cached_pixels(folder(pictures).train, 32, home.caches))
    assert there(caches) == [24]


def test_caches_without_a_folder_are_a_sentence(pictures, home: Home) -> None:
    with pytest.raises(UserError, match="Cannot write the picture cache"):
        finish(cached_pixels(folder(pictures).train, 8, home.caches / "gone"))


def test_kept_features_go_after_a_month_too(home: Home) -> None:
    for name, seconds in (("old", KEPT_SECONDS + HOUR), ("new", HOUR)):
        np.savez(home.caches / f"{name}.2.features.npz", features=np.zeros(3))
        unused_for(home.caches / f"{name}.2.features.npz", seconds)
    assert make_room(home.caches, 1) == 1
    assert [path.name for path in home.caches.iterdir()] == ["new.2.features.npz"]
