import csv
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.curves_export import export_curves
from resnet_demo.runs.store import Store

LOSSES = {1: 2.5, 2: 2.25, 3: 2.0}


@pytest.fixture
def model(home: Home, config: TrainConfig) -> str:
    """A run that measured LOSSES, and its accuracy once."""
    run = control.new_run(home, config)
    with Store(control.run_folder(home, run)) as store:
        for step, loss in LOSSES.items():
            store.add_metrics(step, {"loss": loss})
        store.add_metrics(3, {"top1": 50.0})
    return f"run:{run}"


def test_a_table_has_one_line_a_step(home: Home, model: str, tmp_path: Path) -> None:
    out = tmp_path / "curves.csv"
    assert export_curves(home, model, "csv", out)["names"] == ["loss", "top1"]
    with out.open() as file:
        rows = list(csv.DictReader(file))
    assert {int(row["step"]): float(row["loss"]) for row in rows} == LOSSES
    assert [row["top1"] for row in rows] == ["", "", "50.0"]


def test_tensorboard_reads_what_is_written(home: Home, model: str, tmp_path: Path) -> None:
    reader = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    export_curves(home, model, "tensorboard", tmp_path / "events")
    events = reader.EventAccumulator(str(tmp_path / "events")).Reload()
    assert {event.step: event.value for event in events.Scalars("loss")} == LOSSES


def test_what_has_no_curves_is_refused(home: Home, model: str, tmp_path: Path) -> None:
    out = tmp_path / "curves.csv"
    for reference, says in (("bundled", "Only a run"), ("run:0999", "no run")):
        with pytest.raises(UserError, match=says):
            export_curves(home, reference, "csv", out)
    with pytest.raises(UserError, match="Cannot write to /proc/curves.csv"):
        export_curves(home, model, "csv", Path("/proc/curves.csv"))
    out.write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        export_curves(home, model, "csv", out)
    assert out.read_text() == "mine"
