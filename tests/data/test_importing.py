"""Several things dropped at once are one data set, of which nothing is lost."""

import io
import zipfile
from itertools import count
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.data.importing import import_files, import_path
from resnet_demo.data.sources import explained
from resnet_demo.errors import UserError
from resnet_demo.progress import finish
from resnet_demo.ui.train.pictures import take_in

SHADES = count()  # no two pictures are equal


def png() -> bytes:
    data, shade = io.BytesIO(), next(SHADES)
    Image.new("RGB", (8, 8), (shade % 256, shade // 256, 90)).save(data, "PNG")
    return data.getvalue()


def zipped(place: Path, *names: str) -> Path:
    with zipfile.ZipFile(place, "w") as made:
        for name in names:
            made.writestr(name, png())
    return place


def counted(table: dict) -> dict[str, int]:
    return {row["name"]: row["n"] for row in table["classes"]}


FOUR = [f"{number}.png" for number in range(4)]
BOTH = ["cat/1.png", "cat/2.png", "dog/1.png", "dog/2.png"]


def within(folder: str, names: list[str]) -> list[str]:
    return [f"{folder}/{name}" for name in names]


@pytest.mark.parametrize(
    "archives",
    [
        {"cat.zip": FOUR, "dog.zip": FOUR},
        {"cat.zip": within("cat", FOUR), "dog.zip": within("dog", FOUR)},
        {"one.zip": BOTH, "two.zip": BOTH},
        {"one.zip": within("pets", BOTH), "two.zip": within("more", BOTH)},
        {"train.zip": BOTH, "test.zip": BOTH},
        {"train.zip": within("train", BOTH), "val.zip": within("val", BOTH)},
    ],
)
def test_archives_that_come_together(archives: dict, tmp_path: Path, home: Home) -> None:
    """One for each class, parts of one set, or its two sides: the classes are the same."""
    files = [(zipped(tmp_path / name, *inside), name) for name, inside in archives.items()]
    assert counted(finish(import_files(home, "pets", files))) == {"cat": 4, "dog": 4}
    if "train.zip" in archives:
        assert explained("dataset:pets", home)["val"] == 4


def test_pictures_of_one_name_are_all_taken_in(tmp_path: Path, home: Home) -> None:
    """As telephones give them: each is called image.jpg."""
    files = []
    for number in range(5):
        (tmp_path / f"{number}").mkdir()
        files.append(str(tmp_path / f"{number}/image.png"))
        Path(files[-1]).write_bytes(png())
    assert counted(take_in(home, "pets", files, "cat", "folders")) == {"cat": 5}
    named = [(Path(path), "great_dane_1.png") for path in files]
    assert counted(finish(import_files(home, "dogs", named, "prefix"))) == {"great_dane": 5}


def test_pictures_alone_in_an_archive_are_of_the_class_that_is_said(
    tmp_path: Path, home: Home
) -> None:
    place = str(zipped(tmp_path / "holiday.zip", "1.png", "2.png"))
    with pytest.raises(UserError, match="no picture with a class in what you dropped"):
        take_in(home, "pets", [place], "", "folders")
    assert counted(take_in(home, "pets", [place], "cat", "folders")) == {"cat": 2}


def test_what_is_left_out_is_told(tmp_path: Path, home: Home) -> None:
    place = zipped(tmp_path / "pets.zip", *BOTH, "cover.png")
    with zipfile.ZipFile(place, "a") as made:
        made.writestr("cat/notes.txt", "cats")
    said = finish(import_path(home, "pets", str(place)))["sentence"]
    assert "Left out, as in no class's folder: 1 picture." in said and "1 file (.txt)" in said


@pytest.mark.parametrize("where", ["beside", "inside", "loose"])
def test_labels_in_a_table_that_comes_along(where: str, tmp_path: Path, home: Home) -> None:
    """As competitions give them: pictures in an archive, and labels.csv in it or beside it."""
    (tmp_path / "labels.csv").write_text("file,label\nimages/1.png,cat\nimages/2.png,dog\n")
    names = ["images/1.png", "images/2.png"]
    files = [str(tmp_path / "labels.csv"), str(zipped(tmp_path / "images.zip", *names))]
    if where == "inside":
        with zipfile.ZipFile(files.pop(), "a") as made:
            made.write(files[0], "labels.csv")
        files = [str(tmp_path / "images.zip")]
    if where == "loose":
        files = files[:1] + [str(tmp_path / name) for name in ("1.png", "2.png")]
        for path in files[1:]:
            Path(path).write_bytes(png())
    assert counted(take_in(home, "pets", files, "", "table")) == {"cat": 1, "dog": 1}


def test_no_table_or_two_is_told(tmp_path: Path, home: Home) -> None:
    place = str(zipped(tmp_path / "images.zip", "1.png"))
    with pytest.raises(UserError, match="one FILE.csv .* There: none"):
        take_in(home, "pets", [place], "", "table")
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("file,label\n1.png,cat\n")
    both = [str(tmp_path / name) for name in ("a.csv", "b.csv")]
    with pytest.raises(UserError, match="There: a.csv, b.csv"):
        take_in(home, "pets", [place, *both], "", "table")
