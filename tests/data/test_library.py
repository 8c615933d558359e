"""Own pictures, kept: what comes twice, what contradicts itself, what is corrected."""

from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.importing import import_files, import_path
from resnet_demo.data.intake import KEPT_SIDE
from resnet_demo.data.library import Library, names_of, tables
from resnet_demo.data.sources import checked, explained, open_here
from resnet_demo.errors import UserError
from resnet_demo.progress import finish


def draw(root: Path, *labels: str, count: int = 5, first: int = 0) -> Path:
    """Pictures of which no two are equal."""
    for number, label in enumerate(labels):
        (root / label).mkdir(parents=True, exist_ok=True)
        for index in range(first, first + count):
            colour = (number * 40 % 256, index, len(label))
            Image.new("RGB", (9, 8), colour).save(root / label / f"{index}.png")
    return root


def test_a_folder_becomes_a_data_set_that_can_be_trained_on(tmp_path: Path, home: Home) -> None:
    found = finish(import_path(home, "pets", str(draw(tmp_path / "in", "cat", "dog"))))
    assert found["classes"] == [{"name": "cat", "n": 5}, {"name": "dog", "n": 5}]
    pictures = open_here("dataset:pets", home)
    assert pictures is not None and pictures.classes == ("cat", "dog")
    assert len(pictures.train) + len(pictures.val) == 10
    assert set(pictures.train.labels) == set(pictures.val.labels) == {0, 1}
    assert pictures.train.read(0).shape == (8, 9, 3)
    assert names_of(home) == ["pets"]


def test_a_picture_keeps_its_side_and_counts_once(tmp_path: Path, home: Home) -> None:
    source = draw(tmp_path / "in", "cat", "dog", count=20)
    finish(import_path(home, "pets", str(source)))
    before = open_here("dataset:pets", home)
    draw(source, "cat", "dog", count=20, first=20)
    again = finish(import_path(home, "pets", str(source)))
    after = open_here("dataset:pets", home)
    assert before is not None and after is not None
    assert again["added"] == 40 and "40 came again" in again["sentence"]
    assert set(before.train.names) <= set(after.train.names)
    assert set(before.val.names) <= set(after.val.names)


def test_the_same_picture_on_both_sides_only_validates(tmp_path: Path, home: Home) -> None:
    draw(tmp_path / "in/train", "cat", "dog")
    draw(tmp_path / "in/val", "cat", "dog", count=2)
    found = finish(import_path(home, "pets", str(tmp_path / "in")))
    pictures = open_here("dataset:pets", home)
    assert pictures is not None and (len(pictures.train), len(pictures.val)) == (6, 4)
    assert "4 came both to train and to validate" in found["sentence"]


def test_the_same_picture_of_two_classes_keeps_the_first_and_is_named(
    tmp_path: Path, home: Home
) -> None:
    draw(tmp_path / "in", "cat", "dog")
    (tmp_path / "in/dog/twice.png").write_bytes((tmp_path / "in/cat/1.png").read_bytes())
    found = finish(import_path(home, "pets", str(tmp_path / "in")))
    assert found["added"] == 10 and "twice.png" in found["sentence"]


def test_what_is_no_picture_is_refused_by_name(tmp_path: Path, home: Home) -> None:
    source = draw(tmp_path / "in", "cat", "dog")
    (source / "cat/page.jpg").write_text("<html>")
    (source / "cat/notes.txt").write_text("cats")
    found = finish(import_path(home, "pets", str(source)))
    assert [row["name"] for row in found["refused"]] == ["page.jpg"]
    assert ".txt" in found["sentence"]


def test_a_photograph_is_kept_at_the_side_that_training_reads(tmp_path: Path, home: Home) -> None:
    for label, shade in (("cat", 10), ("dog", 20)):
        for index in range(2):
            (tmp_path / "in" / label).mkdir(parents=True, exist_ok=True)
            picture = Image.new("RGB", (2000, 1000), (shade, index, 0))
            picture.save(tmp_path / "in" / label / f"{index}.jpg")
    finish(import_path(home, "pets", str(tmp_path / "in")))
    pictures = open_here("dataset:pets", home)
    assert pictures is not None
    assert pictures.train.read(0).shape == (KEPT_SIDE, 2 * KEPT_SIDE, 3)


def test_corrections(tmp_path: Path, home: Home) -> None:
    finish(import_path(home, "pets", str(draw(tmp_path / "in", "cat", "dog", "fox"))))
    pets = Library(home, "pets")
    pets.rename("fox", "cat")
    assert pets.counts() == {"cat": 10, "dog": 5}
    (digest, _), (second, _) = pets.pictures_of("dog", 2)
    pets.move([digest], "wolf")
    pets.remove([second])
    assert pets.counts() == {"cat": 10, "dog": 3, "wolf": 1}
    assert not pets.picture(second).exists()
    with pytest.raises(UserError, match="wolf in pets has one picture"):
        pets.pictures()
    pets.remove_class("wolf")
    assert pets.pictures().classes == ("cat", "dog")
    with pytest.raises(UserError, match="There is no class 'wolf'"):
        pets.rename("wolf", "x")
    with pytest.raises(UserError, match="There is no such picture"):
        pets.remove(["../../index.sqlite"])
    pets.delete()
    assert names_of(home) == []


def test_labels_in_the_names(tmp_path: Path, home: Home) -> None:
    names = ["great_dane_1.png", "great_dane_22.png", "cat.4.png", "cat (5).png", "unnamed.png"]
    for index, name in enumerate(names):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / name)
    found = finish(import_path(home, "pets", str(tmp_path), "prefix"))
    assert [(row["name"], row["n"]) for row in found["classes"]] == [("cat", 2), ("great_dane", 2)]
    assert [row["name"] for row in found["refused"]] == ["unnamed.png"]


@pytest.mark.parametrize(
    "table",
    [
        "file,label\npictures/0.png,cat\npictures/1.png,cat\n2.png,dog\n3,dog\n9.png,dog\n",
        "\ufeffid;breed;x\r\n0;cat;1\r\n1;cat;1\r\n2;dog;1\r\n3;dog;1\r\n9;dog;1\r\n",
        "0.png,cat\n./1.png,cat\n2.png,dog\n3.png,dog\n9.png,dog\n",
    ],
)
def test_labels_in_a_table(table: str, tmp_path: Path, home: Home) -> None:
    (tmp_path / "pictures").mkdir()
    for index in range(5):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"pictures/{index}.png")
    (tmp_path / "labels.csv").write_text(table)
    found = finish(import_path(home, "pets", str(tmp_path), "labels.csv"))
    assert [(row["name"], row["n"]) for row in found["classes"]] == [("cat", 2), ("dog", 2)]
    assert len(found["refused"]) == 1 and found["refused"][0]["name"].startswith("9")


def test_a_quotation_mark_that_nobody_closed_is_told(tmp_path: Path, home: Home) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    (tmp_path / "labels.csv").write_text('file,label\n0.png,"cat\n' + "1.png,dog\n" * 20_000)
    with pytest.raises(UserError, match="labels.csv cannot be read as a table"):
        finish(import_path(home, "pets", str(tmp_path), "labels.csv"))


def test_a_table_may_say_what_validates(tmp_path: Path, home: Home) -> None:
    for index in range(4):
        Image.new("RGB", (8, 8), (index, 0, 0)).save(tmp_path / f"{index}.png")
    rows = "0.png,a,train\n1.png,a,test\n2.png,b,train\n3.png,b,valid\n"
    (tmp_path / "t.csv").write_text("file,label,split\n" + rows)
    finish(import_path(home, "pets", str(tmp_path), "t.csv"))
    assert [row["n"] for row in explained("dataset:pets", home)["classes"]] == [2, 2]
    pictures = open_here("dataset:pets", home)
    assert pictures is not None and len(pictures.val) == 2


def test_an_import_that_was_stopped_is_not_trained_on_and_goes_on(
    tmp_path: Path, home: Home
) -> None:
    source = draw(tmp_path / "in", "cat", "dog", count=40)
    work = import_path(home, "pets", str(source))
    next(work)
    work.close()
    with pytest.raises(UserError, match="was stopped. Import it again"):
        checked(TrainConfig(data="dataset:pets"), home)
    found = finish(import_path(home, "pets", str(source)))
    assert 0 < found["added"] < 80 and sum(row["n"] for row in found["classes"]) == 80
    assert checked(TrainConfig(data="dataset:pets"), home).data == "dataset:pets"
    assert not list(home.datasets.glob(".import*"))


def test_dropped_files_have_the_names_they_had(tmp_path: Path, home: Home) -> None:
    source = draw(tmp_path / "in", "a", "b")
    files = [(path, f"pets/{path.parent.name}/{path.name}") for path in source.rglob("*.png")]
    found = finish(import_files(home, "pets", files))
    assert found["added"] == 10 and [row["name"] for row in found["classes"]] == ["a", "b"]
    for name in ("../../a.png", "/etc/a.png", ""):
        with pytest.raises(UserError, match="is no name for a picture"):
            finish(import_files(home, "other", [(files[0][0], name)]))
    assert names_of(home) == ["pets"]


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "ä", "x" * 65, "a b"])
def test_a_name_that_is_no_folder_is_refused(name: str, home: Home) -> None:
    with pytest.raises(UserError, match="A data set's name is made of"):
        Library(home, name)
    with pytest.raises(UserError):
        checked(TrainConfig(data=f"dataset:{name}"), home)


def test_many_copies_at_once_are_one_picture(tmp_path: Path, home: Home) -> None:
    source = draw(tmp_path / "in", "cat", "dog")
    for index in range(100, 160):
        (source / f"cat/{index}.png").write_bytes((source / "cat/1.png").read_bytes())
    found = finish(import_path(home, "pets", str(source)))
    assert found["added"] == 10 and "60 came again" in found["sentence"]


def test_a_set_with_a_val_side_takes_more_of_the_same_folder(tmp_path: Path, home: Home) -> None:
    draw(tmp_path / "in/train", "cat", "dog", count=8)
    draw(tmp_path / "in/val", "cat", "dog", count=10, first=8)
    finish(import_path(home, "pets", str(tmp_path / "in")))
    again = finish(import_path(home, "pets", str(tmp_path / "in/val")))
    assert again["added"] == 0 and "20 came again" in again["sentence"]
    assert "both" not in again["sentence"]


@pytest.mark.parametrize("damage", [b"no database", b""])
def test_a_damaged_set_is_listed_with_the_reason_and_hides_no_other(
    damage: bytes, tmp_path: Path, home: Home
) -> None:
    pets = finish(import_path(home, "pets", str(draw(tmp_path / "in", "cat", "dog"))))
    for name in ("broken", "not a name"):
        (home.datasets / name).mkdir()
        (home.datasets / name / "index.sqlite").write_bytes(damage)
    broken, whole = tables(home)
    assert whole["classes"] == pets["classes"] and "damaged" not in whole
    assert broken["name"] == "broken" and "The data set broken cannot be used" in broken["damaged"]
    Library(home, "broken").delete()
    assert names_of(home) == ["pets"]
