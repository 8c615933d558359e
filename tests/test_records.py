"""A record that was cut off goes on where it was."""

import os
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from bench import records
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import CUTTING
from resnet_demo.errors import UserError
from resnet_demo.files import write_json
from resnet_demo.runs import control
from resnet_demo.runs.snapshot import RunSnapshot

RATE = 100.0  # of bare pictures a second


@pytest.fixture
def cut_off(home: Home, config: TrainConfig, monkeypatch: pytest.MonkeyPatch) -> str:
    """A run that somebody ended while the bare rate after its first epoch was measured."""
    measured: list[float] = []

    def rate_and_end() -> float:
        measured.append(RATE)
        if len(measured) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return RATE

    monkeypatch.setattr(records, "bare_rate", rate_and_end)
    row = records.blank("tiny", config)
    with pytest.raises(UserError, match="interrupted"):
        records.add(row, home, config, 1)
    assert row["seeds"] == []
    monkeypatch.setattr(records, "bare_rate", lambda: RATE)
    return control.run_names(home)[0]


def test_a_record_goes_on_where_it_was_cut_off(
    home: Home, config: TrainConfig, cut_off: str
) -> None:
    assert RunSnapshot.read(home.run(cut_off)).row.epoch == 1
    row = records.blank("tiny", config)
    records.add(row, home, config, 1)
    assert control.run_names(home) == [cut_off] and row["seeds"] == [1]
    found = RunSnapshot.read(home.run(cut_off)).row
    assert (found.state, row["top1"]) == ("finished", [round(found.top1, 2)])
    assert row["bare_images"] == [round(RATE * found.seconds)]


def test_a_run_of_other_settings_is_left_alone(
    home: Home, config: TrainConfig, cut_off: str
) -> None:
    assert records.cut_off(home, replace(config, seed=1)) == cut_off
    assert records.cut_off(home, replace(config, seed=2)) is None
    assert records.cut_off(home, replace(config, seed=1, lr=0.02)) is None


def test_a_row_of_softer_crops_stays_until_there_is_a_new_one(
    home: Home, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = records.blank("tiny", config) | {"cutting": 1, "seeds": [0], "top1": [99.0]}
    write_json(tmp_path / "records.json", {"rows": [older]})
    settings = {name: value for name, value in config.to_dict().items() if name != "data"}
    monkeypatch.setattr(records, "RESULTS", tmp_path / "records.json")
    monkeypatch.setattr(records, "RECIPES", {"tiny": records.Recipe(1, settings)})
    monkeypatch.setattr(records, "bare_rate", lambda: RATE)
    for hours, cutting in ((-1, 1), (1, CUTTING)):
        monkeypatch.setattr(records, "HOURS", hours)
        *_, told = records.measure(config.data, home.path)
        (row,) = told["rows"]
        assert (row["cutting"], row["seeds"], row["top1"] == [99.0]) == (cutting, [0], hours < 0)
