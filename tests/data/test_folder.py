"""Folders as people have them."""

import os
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.data.folder import folder, folder_path
from resnet_demo.errors import UserError

COLOURS = ("red", "green", "blue", "white")


def draw(root: Path, *places: str, count: int = 2, suffix: str = ".png") -> Path:
    """`count` pictures in each of the folders `places`."""
    for place in places:
        (root / place).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            colour = COLOURS[index % len(COLOURS)]
            picture = Image.new("RGB", (8 + index, 8), colour)
            picture.save(root / place / f"{index:03d}{suffix}", "JPEG" if "j" in suffix else None)
    return root


@pytest.mark.parametrize(("classes", "count"), [(10, 10), (100, 20), (3, 2)])
def test_every_class_is_on_both_sides(tmp_path: Path, classes: int, count: int) -> None:
    names = [f"class{number}" for number in range(classes)]
    found = folder(draw(tmp_path, *names, count=count))
    for split in (found.train, found.val):
        assert set(split.labels) == set(range(classes))
    assert len(found.train) + len(found.val) == classes * count
    assert 0.1 < len(found.val) / (classes * count) <= 0.5


def test_a_picture_keeps_its_side_when_others_are_added(tmp_path: Path) -> None:
    before = folder(draw(tmp_path, "a", "b", "c", count=40))
    after = folder(draw(tmp_path, "a", "b", "c", count=80))
    assert set(before.train.names) <= set(after.train.names)
    assert set(before.val.names) <= set(after.val.names)


@pytest.mark.parametrize(
    ("train", "val"),
    [
        ("train", "val"),
        ("Train", "Val"),
        ("training", "validation"),
        ("train", "valid"),
        ("train", "test"),
        ("TRAIN", "testing"),
    ],
)
def test_the_usual_names_of_splits(tmp_path: Path, train: str, val: str) -> None:
    draw(tmp_path, f"{train}/a", f"{train}/b", count=3)
    draw(tmp_path, f"{val}/a", f"{val}/b", count=2)
    found = folder(tmp_path)
    assert (found.classes, len(found.train), len(found.val)) == (("a", "b"), 6, 4)


def test_a_test_folder_is_left_alone_beside_a_validation_folder(tmp_path: Path) -> None:
    draw(tmp_path, "train/a", "train/b", "valid/a", "valid/b", "test/a", "test/b", count=3)
    found = folder(tmp_path)
    assert (len(found.train), len(found.val)) == (6, 6)
    assert "Validated on the folder valid." in found.note
    assert "Left alone beside train: test." in found.note


def test_splits_without_one_to_train_on_are_no_classes(tmp_path: Path) -> None:
    draw(tmp_path, "testing/a", "testing/b", "valid/a", "valid/b")
    with pytest.raises(UserError, match="none of them is called train"):
        folder(tmp_path)


def test_junk_is_left_out_and_counted(tmp_path: Path) -> None:
    draw(tmp_path, "a", "b", count=5)
    draw(
        tmp_path, "__MACOSX/a", ".thumbnails", "a/.ipynb_checkpoints", "b/@eaDir", "b/.cache",
        count=2,
    )  # fmt: skip
    (tmp_path / "a" / "notes.txt").write_text("x")
    (tmp_path / "a" / "._000.png").write_bytes(b"x")
    found = folder(tmp_path)
    assert found.classes == ("a", "b") and len(found.train) + len(found.val) == 10
    assert "Left out as no pictures: 1 file (.txt)." in found.note


@pytest.mark.parametrize("suffix", [".jfif", ".jpe", ".mpo", ".JPG"])
def test_pictures_that_classify_reads_are_read_here(tmp_path: Path, suffix: str) -> None:
    found = folder(draw(tmp_path, "a", "b", count=4, suffix=suffix.lower()))
    assert len(found.train) + len(found.val) == 8
    assert found.train.read(0).shape[2] == 3


def test_the_two_that_phones_take_are_no_strangers(tmp_path: Path) -> None:
    draw(tmp_path, "a", "b", count=4)
    for suffix in (".heic", ".HEIF"):
        (tmp_path / "a" / f"photo{suffix}").write_bytes(b"x")
    found = folder(tmp_path)
    assert len(found.train) + len(found.val) == 10 and "Left out" not in found.note


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    elsewhere = draw(tmp_path / "elsewhere", "more", count=3)
    root = draw(tmp_path / "mine", "a", "b", count=3)
    (root / "a" / "linked").symlink_to(elsewhere / "more")
    (root / "a" / "round").symlink_to(root / "a")
    found = folder(root)
    assert sum("linked" in name for name in (*found.train.names, *found.val.names)) == 3
    assert len(found.train) + len(found.val) == 9


def test_a_wrapper_folder_is_seen_through(tmp_path: Path) -> None:
    draw(tmp_path, "archive/photos/train/a", "archive/photos/train/b", "archive/photos/val/a")
    draw(tmp_path, "archive/photos/val/b")
    assert len(folder(tmp_path).val) == 4


def test_names_that_are_not_utf8_are_read(tmp_path: Path) -> None:
    draw(tmp_path, "a", "b", count=3)
    (tmp_path / "a" / "000.png").rename(os.fsdecode(os.fsencode(tmp_path / "a") + b"/\xff.png"))
    found = folder(tmp_path)
    assert len(found.train) + len(found.val) == 6


@pytest.mark.parametrize("given", ["  {}  ", "'{}'", '"{}"', ' "{}" ', "file://{}"])
def test_a_pasted_path(given: str) -> None:
    assert folder_path(given.format("/data/my pictures")) == Path("/data/my pictures")


def test_a_relative_path_is_made_absolute(monkeypatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert folder_path("mine") == tmp_path / "mine"


def test_one_folder_too_deep_is_told_where_to_go(tmp_path: Path) -> None:
    draw(tmp_path, "cats", "dogs", count=3)
    with pytest.raises(UserError, match=f"looks like one class: give .* {tmp_path}"):
        folder(tmp_path / "cats")


def test_a_file_is_not_a_folder(tmp_path: Path) -> None:
    draw(tmp_path, "a")
    with pytest.raises(UserError, match="is a file"):
        folder(tmp_path / "a" / "000.png")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_folder_without_rights_is_named(tmp_path: Path) -> None:
    draw(tmp_path, "a", "b", count=3)
    (tmp_path / "a").chmod(0)
    try:
        with pytest.raises(UserError, match="a cannot be read"):
            folder(tmp_path)
    finally:
        (tmp_path / "a").chmod(0o700)


def test_a_class_of_one_picture_cannot_be_split(tmp_path: Path) -> None:
    draw(tmp_path, "a", count=4)
    draw(tmp_path, "b", count=1)
    with pytest.raises(UserError, match="Class b .* has one picture"):
        folder(tmp_path)


def test_unequal_classes_are_said_with_their_counts(tmp_path: Path) -> None:
    draw(tmp_path, "train/a", "val/a", "val/b", count=30)
    draw(tmp_path, "train/b", count=2)
    note = folder(tmp_path).note
    assert "30 pictures of a, 2 of b" in note and "--balance" in note
