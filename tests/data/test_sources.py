from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo import refs
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import sources
from resnet_demo.data.dataset import Pictures, array_split
from resnet_demo.data.folder import folder
from resnet_demo.data.sources import open_data
from resnet_demo.errors import UserError
from resnet_demo.progress import finish


def opened(name: str, home: Home) -> Pictures:
    return finish(open_data(name, home))


def test_a_folder_gives_sorted_classes_and_both_splits(pictures: Path, home: Home) -> None:
    found = opened(f"folder:{pictures}", home)
    assert found.classes == ("blue", "green", "red")
    assert (len(found.train), len(found.val), found.note) == (36, 12, "")
    assert found.train.read(0).shape == (40, 40, 3)


def test_without_val_one_in_five_is_kept_apart_and_said(pictures: Path, home: Home) -> None:
    found = opened(f"folder:{pictures / 'train'}", home)
    assert len(found.train) + len(found.val) == 36 and 2 <= len(found.val) <= 14
    assert f"{len(found.train)} to train, {len(found.val)} to validate" in found.note
    assert not set(found.train.names) & set(found.val.names)
    assert opened(f"folder:{pictures / 'train'}", home).val.names == found.val.names


def test_wordnet_ids_are_shown_as_names_in_folder_order(tmp_path: Path, home: Home) -> None:
    for name in ("n03888257", "n01440764"):
        for split in ("train", "val"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / name / "a.png")
    assert folder(tmp_path).classes == ("tench", "parachute")


def test_the_fingerprint_follows_the_pictures(tmp_path: Path) -> None:
    for split in ("train", "val"):
        for name in ("a", "b"):
            (tmp_path / split / name).mkdir(parents=True)
            Image.new("RGB", (8, 8)).save(tmp_path / split / name / "1.png")
    before = folder(tmp_path)
    Image.new("RGB", (9, 9), "red").save(tmp_path / "train" / "a" / "1.png")
    after = folder(tmp_path)
    assert before.train.fingerprint != after.train.fingerprint
    assert before.val.fingerprint == after.val.fingerprint


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda root: None, "There is no folder"),
        (lambda root: root.mkdir(), "0 class folders"),
        (lambda root: [(root / n).mkdir(parents=True) for n in "ab"], "No picture for class a, b"),
    ],
)
def test_a_folder_that_cannot_be_used_is_refused(make, says: str, tmp_path: Path) -> None:
    make(tmp_path / "data")
    with pytest.raises(UserError, match=says):
        folder(tmp_path / "data")


def test_splits_with_other_classes_are_refused(tmp_path: Path) -> None:
    for place in ("train/a", "train/b", "val/a", "val/c"):
        (tmp_path / place).mkdir(parents=True)
        Image.new("RGB", (8, 8)).save(tmp_path / place / "1.png")
    with pytest.raises(UserError, match="different classes"):
        folder(tmp_path)


def test_shapes_need_nothing_and_repeat(home: Home) -> None:
    found = opened("shapes", home)
    assert len(found.classes) == 10 and len(found.train) == 8000
    assert np.array_equal(found.train.read(5), opened("shapes", home).train.read(5))
    assert not np.array_equal(found.train.read(5), found.val.read(5))
    counts = np.bincount(found.val.labels)
    assert (counts == counts[0]).all()


def test_a_new_source_is_a_word_and_a_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """README's recipe, followed: black and white squares, trained on and validated."""
    from resnet_demo.data.pixel_cache import load_pixels
    from resnet_demo.training.events import EpochDone
    from resnet_demo.training.loop import Training

    def squares(data: refs.DataRef, home: Home) -> sources.Opening:
        yield from ()
        labels = np.arange(40) % 2
        pixels = np.repeat(255 * labels, 16 * 16 * 3).astype(np.uint8).reshape(40, 16, 16, 3)
        splits = (array_split(pixels, labels, stem, f"squares-{stem}") for stem in "tv")
        return Pictures(("black", "white"), *splits)

    monkeypatch.setattr(refs, "DATA", (*refs.DATA, "squares"))
    monkeypatch.setitem(sources.SOURCES, "squares", squares)
    home.make()
    config = TrainConfig(
        data="squares", arch="resnet8", px=16, start_px=16, epochs=3, batch_size=8, lr=0.01
    )
    train, val = finish(load_pixels(opened("squares", home), config, home))
    *_, last = (e for e in Training(config, train, val, 2).run() if isinstance(e, EpochDone))
    assert last.metrics["top1"] == 100


def test_pictures_held_apart_come_from_training_and_are_not_trained_on(
    pictures: Path, home: Home
) -> None:
    found = opened(f"folder:{pictures}", home)
    tuned = found.used_by(TrainConfig(val_from_train=10))
    assert len(tuned.train) == 26 and len(tuned.val) == 10
    assert set(tuned.train.names) | set(tuned.val.names) == set(found.train.names)
    assert tuned.val.fingerprint != tuned.train.fingerprint != found.train.fingerprint
    again = found.used_by(TrainConfig(val_from_train=10, seed=7))
    assert again.val.names == tuned.val.names
    with pytest.raises(UserError, match="val_from_train 36 leaves nothing to train on"):
        found.used_by(TrainConfig(val_from_train=36))
