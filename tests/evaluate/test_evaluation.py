"""`evaluate` on tiny folders of pictures with ImageNet's file names."""

import json
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from resnet_demo.cli.output import accuracy_lines
from resnet_demo.config import Home
from resnet_demo.data.imagenette import IMAGENETTE_CLASSES, IMAGENETTE_INDEXES
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import evaluate
from resnet_demo.images.decode import square
from resnet_demo.models import build, reference
from resnet_demo.models.network import Network
from tests.classify.test_predictor import saved
from tests.conftest import draw_folder
from tests.data.test_pixel_cache import drained

PX = 16


@pytest.fixture
def imagenette(tmp_path: Path) -> Path:
    """Three of the classes; in each split the first picture of a class is ImageNet's own."""
    root = draw_folder(tmp_path / "pictures", 3, 4)
    for split in ("train", "val"):
        for folder, wnid in zip(sorted((root / split).iterdir()), IMAGENETTE_CLASSES):
            first = folder / "000.png"
            first.rename(folder / f"ILSVRC2012_val_{wnid}_{split}.png")
            folder.rename(folder.parent / wnid)
    return root


def wide_network() -> Network:
    """Knows 1000 classes and always says "church" (497)."""
    model = build("resnet8")
    with torch.no_grad():
        model.fc.weight.zero_()
        model.fc.bias.zero_()
        model.fc.bias[497] = 3
        model.fc.bias[0] = 2  # "tench" comes second
    classes = tuple(f"class {index}" for index in range(1000))
    mean = std = (0.5, 0.5, 0.5)
    crop = lambda pixels: square(pixels, PX)  # noqa: E731
    return Network(model.eval(), "timm:x", classes, PX, mean, std, {}, crop)


def test_a_network_of_1000_classes_is_scored_on_all_and_on_the_ten(
    imagenette: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "load", lambda reference, home: wide_network())
    answer = drained(evaluate("timm:x", f"folder:{imagenette}", home))[1]
    assert (answer["n"], answer["top1"]) == (12, 0)
    assert answer["top1_among"] == pytest.approx(100 / 3)  # all are called "tench"
    assert "96.6 %" in answer["note"]
    assert set(answer["per_class"]) == {"tench", "English springer", "cassette player"}
    first, second, *of_the_ten = accuracy_lines(answer)
    assert "top-1 0.00 %" in first and second == f"Among the 3 classes of {answer['data']}: 33.33 %"
    assert f"Calibration error {answer['ece_among']:.1f} %" in "\n".join(of_the_ten)
    assert answer["ece_among"] != pytest.approx(answer["ece"], abs=0.1)


def test_clean_pictures_are_imagenets_own(
    imagenette: Path, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "load", lambda reference, home: wide_network())
    answer = drained(evaluate("timm:x", f"folder:{imagenette}", home, "clean"))[1]
    assert (answer["n"], answer["note"]) == (6, "")  # both splits


def test_a_network_trained_here_has_seen_those_of_train(imagenette: Path, home: Home) -> None:
    names = json.dumps(["tench", "English springer", "cassette player"])
    path = saved(home.path / "net.safetensors", classes=names, data="imagenette")
    answer = drained(evaluate(f"file:{path}", f"folder:{imagenette}", home, "clean"))[1]
    assert answer["n"] == 3 and answer["split"] == "clean"
    assert np.sum(answer["confusion"]) == 3


def test_other_pictures_have_no_clean_ones(pictures: Path, home: Home) -> None:
    path = saved(home.path / "net.safetensors")
    with pytest.raises(UserError, match="no clean pictures"):
        drained(evaluate(f"file:{path}", f"folder:{pictures}", home, "clean"))


def test_a_broken_picture_is_left_out_and_named(tmp_path: Path, home: Home) -> None:
    root = draw_folder(tmp_path / "data", 2, 3)
    (root / "val" / "red" / "000.png").write_bytes(b"no")
    path = saved(home.path / "net.safetensors", unlike_below="0")
    answer = drained(evaluate(f"file:{path}", f"folder:{root}", home))[1]
    assert answer["n"] == 8 and answer["broken"][0].startswith("red/000.png: This is not a")
    assert 0 <= answer["unlike_share"] <= 100


def test_the_ten_outputs_are_those_that_timm_names() -> None:
    info = timm.data.ImageNetInfo()
    for wnid, name in IMAGENETTE_CLASSES.items():
        index = IMAGENETTE_INDEXES[name]
        assert info.index_to_label_name(index) == wnid
        assert info.index_to_description(index).split(",")[0] == name


def test_nothing_readable_is_a_sentence(tmp_path: Path, home: Home) -> None:
    root = draw_folder(tmp_path / "data", 1, 1)
    for path in (root / "val").rglob("*.png"):
        path.write_bytes(b"no")
    path = saved(home.path / "net.safetensors")
    with pytest.raises(UserError, match="None of 3 pictures can be read"):
        drained(evaluate(f"file:{path}", f"folder:{root}", home))


def test_clean_pictures_of_one_split_are_enough(imagenette: Path, home: Home, monkeypatch) -> None:
    monkeypatch.setattr(reference, "load", lambda reference, home: wide_network())
    for path in (imagenette / "train").rglob("ILSVRC2012_val_*"):
        path.unlink()
    answer = drained(evaluate("timm:x", f"folder:{imagenette}", home, "clean"))[1]
    assert answer["n"] == 3


@pytest.mark.parametrize("known", [["red", "green", "blue"], ["red", "x", "green", "blue"]])
def test_classes_are_found_by_their_names(known: list[str], pictures: Path, home: Home) -> None:
    """The same network with its outputs in another order, and with one more."""
    whole = saved(home.path / "whole.safetensors")
    tensors = load_file(whole)
    rows = [["blue", "green", "red", "x"].index(name) for name in known]
    for name in ("fc.weight", "fc.bias"):
        never = torch.full_like(tensors[name][:1], -1e3)
        tensors[name] = torch.cat([tensors[name], never])[rows].contiguous()
    with safe_open(whole, "pt") as file:
        save_file(tensors, home.path / "net.safetensors",
                  {**file.metadata(), "classes": json.dumps(known)})  # fmt: skip
    names = ("whole", "net")
    want, got = (
        drained(evaluate(f"file:{home.path / name}.safetensors", f"folder:{pictures}", home))[1]
        for name in names
    )
    assert got["top1"] == want["top1"] and got["confusion"] == want["confusion"]
    assert got["classes"] == ["blue", "green", "red"]


def test_a_name_that_two_classes_have_is_none(pictures: Path, home: Home) -> None:
    path = saved(home.path / "net.safetensors", classes=json.dumps(["blue", "red", "red"]))
    with pytest.raises(UserError, match="must be among"):
        drained(evaluate(f"file:{path}", f"folder:{pictures}", home))


def test_all_pictures_of_a_folder_without_a_split(tmp_path: Path, home: Home) -> None:
    root = draw_folder(tmp_path / "data", 10, 1) / "train"  # three classes of ten
    path, data = saved(home.path / "net.safetensors", data="folder:elsewhere"), f"folder:{root}"
    some = drained(evaluate(f"file:{path}", data, home))[1]
    assert some["n"] < 15 and "--split all" in some["note"]
    whole = drained(evaluate(f"file:{path}", data, home, "all"))[1]
    assert (whole["n"], whole["note"], whole["split"]) == (30, "", "all")
    trained = saved(home.path / "own.safetensors", data="folder:train")
    assert drained(evaluate(f"file:{trained}", data, home))[1]["note"] == ""
    note = drained(evaluate(f"file:{trained}", data, home, "all"))[1]["note"]
    assert "It was trained on pictures of" in note
