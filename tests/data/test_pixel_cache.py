import os
import signal
import subprocess
import sys
from collections.abc import Generator
from pathlib import Path

import numpy as np
import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import pixel_cache
from resnet_demo.data.folder import folder
from resnet_demo.data.pixel_cache import Pixels, cached_pixels, load_pixels, read
from resnet_demo.errors import UserError
from resnet_demo.images.decode import square
from resnet_demo.progress import finish
from tests.conftest import ROOT, draw_folder, small


def drained(work: Generator) -> tuple[list, Pixels]:
    """What was yielded, and the result."""
    seen = []
    return seen, finish(work, lambda *told: seen.append(told))


def test_the_cache_holds_the_decoded_pictures(pictures: Path, home: Home) -> None:
    split = folder(pictures).train
    seen, pixels = drained(cached_pixels(split, 16, home.caches))
    assert seen[-1] == ("Decoding", 36, 36)
    assert pixels.images.shape == (36, 16, 16, 3) and isinstance(pixels.images, np.memmap)
    for index in (0, 17, 35):
        assert np.array_equal(pixels.images[index], square(split.read(index), 16))
    assert tuple(pixels.labels) == split.labels


def test_validation_may_see_the_middle_alone(pictures: Path, home: Home) -> None:
    given, seen = folder(pictures), []
    for crop_pct in (1.0, 0.75):
        config = TrainConfig(data="shapes", px=16, start_px=16, crop_pct=crop_pct)
        seen.append(drained(load_pixels(given, config, home))[1])
    (train, whole), (train_again, middle) = seen
    assert np.array_equal(middle.images[0], square(given.val.read(0), 16, 0.75))
    assert not np.array_equal(middle.images[0], whole.images[0])
    assert np.array_equal(train.images, train_again.images)


def test_a_second_run_decodes_nothing(pictures: Path, home: Home) -> None:
    split = folder(pictures).train
    drained(cached_pixels(split, 16, home.caches))
    assert drained(cached_pixels(split, 16, home.caches))[0] == []
    assert drained(cached_pixels(split, 24, home.caches))[0] != []


def test_a_broken_picture_is_named_and_left_out(tmp_path: Path, home: Home) -> None:
    draw_folder(tmp_path, 3, 1)
    (tmp_path / "train" / "green" / "001.png").write_bytes(b"not a picture")
    _, pixels = drained(cached_pixels(folder(tmp_path).train, 16, home.caches))
    assert len(pixels) == len(pixels.images) == 8
    assert pixels.broken[0].startswith("green/001.png: This is not a picture")
    assert list(pixels.labels) == [0, 0, 0, 1, 1, 2, 2, 2]
    _, again = drained(cached_pixels(folder(tmp_path).train, 16, home.caches))
    assert again.broken == pixels.broken


def test_nothing_but_broken_pictures_is_refused(tmp_path: Path, home: Home) -> None:
    draw_folder(tmp_path, 1, 1)
    for path in (tmp_path / "train").rglob("*.png"):
        path.write_bytes(b"")
    with pytest.raises(UserError, match="None of 3 pictures"):
        drained(cached_pixels(folder(tmp_path).train, 16, home.caches))
    assert not list(home.caches.iterdir())


def test_a_killed_build_leaves_no_cache_and_is_gone_on_with(
    tmp_path: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw_folder(tmp_path / "data", 30, 1, px=16)
    broken = sorted((tmp_path / "data" / "train").rglob("*.png"))[3]
    broken.write_bytes(b"no picture")
    program = f"""
import os, signal
from pathlib import Path
from resnet_demo.data import pixel_cache as pixels
from resnet_demo.data import pixel_cache
from resnet_demo.data.folder import folder
pixels.CHUNK = pixels.NOTED = 8
work = pixels.cached_pixels(folder(Path({str(tmp_path / "data")!r})).train, 16,
                            Path({str(home.caches)!r}))
next(work); next(work); next(work)
os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=dict(os.environ))
    assert done.returncode == -signal.SIGKILL
    left = sorted(path.suffix for path in home.caches.iterdir())
    assert left == [".partial", ".partial-notes"]
    split, looked_at = folder(tmp_path / "data").train, []
    monkeypatch.setattr(
        pixel_cache, "read", lambda *asked: looked_at.append(asked[-1]) or read(*asked)
    )
    _, pixels = drained(cached_pixels(split, 16, home.caches))
    assert sorted(looked_at) == list(range(24, 90))
    assert sorted(path.suffix for path in home.caches.iterdir()) == [".json", ".npy"]
    _, anew = drained(cached_pixels(split, 16, tmp_path))
    assert len(pixels) == 89 and pixels.broken == anew.broken and broken.name in pixels.broken[0]
    assert np.array_equal(pixels.images, anew.images) and pixels.names == anew.names


def flip_a_byte(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-100] ^= 255
    path.write_bytes(data)


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_byte,
        lambda path: os.truncate(path, path.stat().st_size // 2),
        lambda path: os.truncate(path, 0),
        lambda path: path.unlink(),
        lambda path: path.with_suffix(".json").write_text("{"),
        lambda path: path.with_suffix(".json").write_text("null"),
    ],
)
def test_a_damaged_cache_is_made_anew(damage, pictures: Path, home: Home) -> None:
    split = folder(pictures).train
    whole = np.array(drained(cached_pixels(split, 16, home.caches))[1].images)
    (cache,) = home.caches.glob("*.npy")
    damage(cache)
    seen, pixels = drained(cached_pixels(split, 16, home.caches))
    assert seen and np.array_equal(pixels.images, whole)


def test_a_copied_cache_is_used(pictures: Path, home: Home) -> None:
    split = folder(pictures).train
    drained(cached_pixels(split, 16, home.caches))
    (cache,) = home.caches.glob("*.npy")
    os.utime(cache, ns=(1, 1))
    assert drained(cached_pixels(split, 16, home.caches))[0] == []


def test_a_class_of_broken_pictures_is_refused(tmp_path: Path, home: Home) -> None:
    draw_folder(tmp_path, 3, 2)
    for path in (tmp_path / "val" / "green").iterdir():
        path.write_bytes(b"not a picture")
    config = TrainConfig(**small(tmp_path))
    with pytest.raises(UserError, match="No picture of class green can be read"):
        drained(load_pixels(folder(tmp_path), config, home))


@pytest.mark.parametrize("name", [b"\xff.png", b"\x1b[31m.png"])
def test_an_unreadable_file_of_any_name_is_told(name: bytes, tmp_path: Path, home: Home) -> None:
    draw_folder(tmp_path, 3, 2)
    path = os.fsencode(tmp_path / "train" / "green") + b"/" + name
    Path(os.fsdecode(path)).write_bytes(b"not a picture")
    _, pixels = drained(cached_pixels(folder(tmp_path).train, 16, home.caches))
    assert pixels.broken[0].isprintable() and pixels.broken[0].encode()
