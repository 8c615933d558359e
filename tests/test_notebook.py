"""The six names for notebooks: their docstrings are run as they stand."""

import doctest
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import resnet_demo
from resnet_demo import notebook
from resnet_demo.errors import UserError
from tests.conftest import ROOT


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a notebook stands; its runs lie beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RESNET_DEMO_HOME", raising=False)
    return tmp_path


def test_docstrings_are_true(place: Path) -> None:
    told = doctest.testmod(notebook)
    assert told.attempted >= 10 and not told.failed
    assert (place / ".resnet_demo" / "runs" / "0002").is_dir()


def test_each_of_the_six_names_is_documented_with_an_example() -> None:
    for name in resnet_demo.__all__:
        said = getattr(resnet_demo, name).__doc__
        assert "Raises UserError" in said or "error}" in said, name
        assert f"{name}(" in said.partition(">>>")[2], name
    assert len(resnet_demo.__all__) == 6
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = resnet_demo.nothing


def test_the_package_alone_imports_nothing() -> None:
    program = "import sys, resnet_demo; assert not {'torch', 'numpy', 'PIL'} & set(sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, env=dict(os.environ))
    assert done.returncode == 0


def test_a_picture_is_a_file_or_pixels_and_upright_over_white(place: Path) -> None:
    random = np.random.default_rng(0)
    pixels = random.integers(0, 256, (48, 64, 3)).astype(np.uint8)
    Image.fromarray(pixels).save(place / "a.png")
    kinds = ("a.png", Path("a.png"), pixels, Image.fromarray(pixels))
    answers = [answer["top"] for answer in notebook.predict("bundled", *kinds)]
    assert all(answer == answers[0] for answer in answers)
    clear = notebook.pixels(Image.new("RGBA", (4, 4), (0, 0, 0, 0)))
    assert (clear == 255).all()


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        ("none.png", "This file cannot be opened"),
        (np.zeros((8, 8), np.uint8), r"uint8 of shape \(height, width, 3\). Got uint8 of \(8, 8\)"),
        (np.zeros((8, 8, 3)), "Got float64"),
    ],
)
def test_what_is_no_picture_costs_a_sentence(picture: notebook.Picture, says: str) -> None:
    with pytest.raises(UserError, match=says):
        notebook.pixels(picture)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"epoch": 3}, "There is no setting 'epoch'. Choose one of: data, arch, epochs"),
        ({"preset": "lunc"}, "There is no preset 'lunc'"),
        ({"epochs": "3"}, "epochs must be a whole number. Got '3'"),
        ({"data": "folder:/nowhere"}, "/nowhere"),
    ],
)
def test_what_cannot_be_trained_leaves_no_run(settings: dict, says: str, place: Path) -> None:
    with pytest.raises(UserError, match=says):
        notebook.train(**settings)
    assert not list(place.glob(".resnet_demo/runs/*"))


def test_a_run_that_fails_says_why(place: Path) -> None:
    with pytest.raises(UserError, match="Run 0001 failed. .*batch_size 500 is larger"):
        notebook.train(data="shapes", num_train=64, num_val=8, batch_size=500, px=32)
