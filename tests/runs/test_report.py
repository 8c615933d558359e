"""What a finished run says of itself."""

from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.files import read_json
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from tests.conftest import draw_folder, small


@pytest.mark.parametrize("freeze", ["backbone", "none"])
def test_a_classifier_alone_says_whether_more_pictures_would_help(
    home: Home, tmp_path: Path, freeze: str
) -> None:
    data = draw_folder(tmp_path / "drawn", 24, 8, px=32)
    settings = small(data) | {"init": "bundled:resnet56", "arch": "resnet56", "freeze": freeze}
    run = control.new_run(home, TrainConfig(**settings | {"epochs": 1}))
    train_here(home, run)
    curve = (read_json(control.run_folder(home, run).report) or {}).get("learning_curve")
    if freeze == "none":  # its features were not kept
        assert curve is None
    else:
        assert [point["n"] for point in curve["points"]] == [18, 36, 72]
        assert curve["points"][-1]["top1"] > 90 and "all 72" in curve["hint"]
