"""What a raced lab leaves: blocks, figures, one HTML file and one JSON."""

import json
import re
import shutil

import pytest
import torch

from resnet_demo.charts import lab as figures
from resnet_demo.charts.analysis import reasons
from resnet_demo.charts.report import report
from resnet_demo.config import Home
from resnet_demo.device import describe_machine
from resnet_demo.lab.block_statistics import measures
from resnet_demo.lab.degradation import record
from resnet_demo.lab.store import Lab
from resnet_demo.models import build
from resnet_demo.runs import control, measurements
from resnet_demo.runs.store import Store
from tests.lab.conftest import lab, many, raced

__all__ = ["lab", "many", "raced"]  # fixtures


def test_the_record_repeats_the_lab(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    found = record(home, lab)
    assert found["state"] == "finished" and len(found["rows"]) == len(found["configs"]) == 4
    for row in found["rows"]:
        assert {"arch", "depth", "residual", "seed", "train_error", "val_error", "params"} <= set(
            row
        )
        assert 0 <= row["train_error"] <= 100 and row["state"] == "finished"
    assert {"torch", "gradio"} <= set(found["versions"]) and found["machine"] == describe_machine()
    assert json.loads((home.labs / lab.lab / "report.json").read_text()) == found


def test_plain_and_residual_have_equal_parameters(raced: tuple[Home, Lab]) -> None:
    """Option A (section 3.3)."""
    for line in record(*raced)["table"]:
        params = {r["params"] for r in record(*raced)["rows"] if r["depth"] == line["depth"]}
        assert len(params) == 1


def test_the_report_needs_nothing_else_and_carries_the_numbers(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    page = report(home, lab)
    assert not re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=", page)
    found = record(home, lab)
    for row in found["table"]:
        for kind in ("plain", "residual"):
            assert f"{row[kind]['train']['mean']:.1f} %" in page
    for finding in found["verdict"]:
        assert finding["question"] in page
    assert str(home.path) not in page and "Response std" in page
    assert "Lab 0001" in (home.labs / lab.lab / "report.html").read_text()


def test_blocks_are_measured_once_a_run(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    for run in lab.runs:
        found = measurements.read(home, run, measurements.BLOCKS)["blocks"]
        assert found[0]["name"] == "layer1.0" and len(found) in (3, 6)
        assert all(len(block["response_std"]) == 2 for block in found)


def test_a_block_whose_branch_is_silent_is_the_identity() -> None:
    torch.manual_seed(0)
    model = build("resnet8", 10, zero_init=True).eval()
    images = torch.randn(4, 3, 16, 16)
    assert [block["distance"] for block in measures(model, images)] == [0, 0, 0]


def test_distance_and_response_are_the_formulas() -> None:
    torch.manual_seed(0)
    model, images = build("plain8", 10).eval(), torch.randn(4, 3, 16, 16)
    first, second, _ = measures(model, images)
    with torch.no_grad():
        x = torch.relu(model.bn1(model.conv1(images)))
        block = model.layer1[0]
        inner = block.bn1(block.conv1(x))
        out = block(x)
    assert first["response_std"][0] == pytest.approx(inner.std().item())
    assert first["distance"] == pytest.approx(((out - x).norm() / x.norm()).item())
    assert second["distance"] is None  # a plain block that halves the picture


def test_figures_of_a_lab_that_has_not_begun_are_empty(home: Home, lab: Lab) -> None:
    assert [len(drawing.figure.renderers) for drawing in figures.race(home, lab)] == [6, 6]
    assert list(reasons(home, lab)) == []


def test_a_network_without_any_step_is_left_out(raced: tuple[Home, Lab], tmp_path) -> None:
    home = Home(tmp_path / "copy")
    shutil.copytree(raced[0].path, home.path)
    with Store(control.run_folder(home, raced[1].runs[-1])) as store:
        store.rewind(-1)
        store.set(state="failed")
    titles = [drawing.figure.title.text for drawing in reasons(home, raced[1])]
    gradients = [title for title in titles if "gradient" in title]
    assert len(gradients) == 3 and not any("residual-14" in title for title in gradients)
    assert "Lab 0001" in report(home, raced[1])


def test_the_papers_marks_stand_behind_cifar_pictures_only(raced: tuple[Home, Lab]) -> None:
    from resnet_demo.lab.paper import CLASSES, marks

    assert marks(sorted(CLASSES))["residual"][56] == 6.97
    assert marks(["blue", "red"]) == {"plain": {}, "residual": {}}
    assert all("paper" not in drawing.caption for drawing in figures.race(*raced))


def test_a_drawing_reaches_the_page_as_json(raced: tuple[Home, Lab]) -> None:
    for dark in (False, True):
        for drawing in (*figures.race(*raced, dark), *reasons(*raced, dark)):
            shown = figures.for_page(drawing)
            assert json.loads(json.dumps(shown))["item"]["doc"] and shown["caption"]
            assert len(shown["title"]) <= 28  # more is cut off on a phone
