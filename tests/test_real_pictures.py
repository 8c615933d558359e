"""On real Imagenette pictures, where RESNET_DEMO_TEST_DATA names their folder."""

import os
import re
from pathlib import Path

import pytest

from resnet_demo.data.folder import folder
from tests.conftest import ROOT

DATA = os.environ.get("RESNET_DEMO_TEST_DATA", "")
pytestmark = pytest.mark.skipif(not DATA, reason="RESNET_DEMO_TEST_DATA is not set")


def test_the_split_is_the_official_one() -> None:
    found = folder(Path(DATA))
    assert (len(found.train), len(found.val)) == (9469, 3925)
    assert found.classes[0] == "tench" and found.classes[9] == "parachute"


def test_real_photographs_decode() -> None:
    train = folder(Path(DATA)).train
    for index in range(0, len(train), 20):
        assert train.read(index).shape == (224, 224, 3)


def test_the_card_of_the_bundled_network_is_what_evaluate_prints(command, tmp_path: Path) -> None:
    """Word for word where the number format is the card's; float32 names some pictures anew."""
    done = command("evaluate", "bundled", "--data", f"folder:{DATA}", "--home", tmp_path)
    first = done.stdout.splitlines()[0].removeprefix("bundled: ")
    card = (ROOT / "checkpoints" / "README.md").read_text()
    if " bf16," in done.stdout:
        assert first in card, done.stdout + done.stderr
    top1 = re.compile(r"top-1 (\d+\.\d+) %.*n = 3925")
    assert float(top1.search(first)[1]) == pytest.approx(float(top1.search(card)[1]), abs=0.2)
