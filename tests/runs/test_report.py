"""What a finished run says of itself."""

from pathlib import Path

import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import load_pixels
from resnet_demo.data.sources import open_here
from resnet_demo.evaluate import metrics
from resnet_demo.files import read_json
from resnet_demo.models import reference
from resnet_demo.progress import finish
from resnet_demo.runs import control, report
from resnet_demo.runs.report import batches
from resnet_demo.runs.scheduler import train_here
from resnet_demo.training import scores
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


def test_a_report_is_of_the_last_validation_whose_pictures_are_not_looked_at_again(
    home: Home, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only what goes on after its last epoch looks again, and says the same."""
    looks: list[int] = []
    monkeypatch.setattr(
        report, "all_logits", lambda *given: looks.append(1) or metrics.all_logits(*given)
    )
    run = control.new_run(home, config)
    train_here(home, run)
    told = read_json(home.run(run).report)
    assert told and not looks
    home.run(run).report.unlink()
    train_here(home, run)
    assert read_json(home.run(run).report) == told and looks


def test_a_report_says_of_a_picture_what_classify_says(
    home: Home, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scores, "FEWEST", 2)  # its validation pictures are few
    run = control.new_run(home, config)
    train_here(home, run)
    network = reference.ready(f"run:{run}@last", home)
    assert abs(network.temperature - 1) > 0.05
    pictures = open_here(config.data, home)
    assert pictures
    _, val = finish(load_pixels(pictures, config, home))
    said = read_json(home.run(run).predictions) or {}
    with torch.inference_mode():
        logits = torch.cat([network.model(images) for images in batches(val)])
    sure = network.probabilities(logits).amax(1).tolist()
    assert said["probability"] == pytest.approx(sure, abs=0.02)  # bf16 where the machine has it
    told = read_json(home.run(run).report) or {}
    for row in told["worst"]:
        assert row["probability"] == pytest.approx(said["probability"][row["picture"]], abs=1e-4)
