import json
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.ui.train import run_report
from tests.conftest import draw_folder


@pytest.fixture
def finished(home: Home, config: TrainConfig, tmp_path: Path) -> str:
    folder = draw_folder(tmp_path / "own", 12, 4)
    run = control.new_run(home, replace(config, data=f"folder:{folder}", epochs=1))
    assert train_here(home, run) == "finished"
    return run


def test_every_cell_of_the_matrix_opens_as_many_pictures_as_it_counts(
    home: Home, finished: str
) -> None:
    confusion = run_report.numbers(home, finished)["confusion"]
    for label, row in enumerate(confusion):
        for called, count in enumerate(row):
            behind = run_report.confused(home, finished, label, called)
            assert behind["count"] == count == len(behind["pictures"])
            assert all(one["src"].startswith("data:image/jpeg") for one in behind["pictures"])
            assert all(one["labels"] == label for one in behind["pictures"])


def test_the_worst_mistakes_are_mistakes_surest_first(home: Home, finished: str) -> None:
    rows = run_report.worst(home, finished)["pictures"]
    assert all(one["labels"] != one["called"] for one in rows)
    assert [one["probability"] for one in rows] == sorted(
        (one["probability"] for one in rows), reverse=True
    )


def test_a_picture_that_is_gone_leaves_its_row(home: Home, finished: str, tmp_path: Path) -> None:
    names = json.loads(home.run(finished).predictions.read_text())["names"]
    (tmp_path / "own" / "val" / names[0]).unlink()
    cells = [(label, called) for label in range(3) for called in range(3)]
    found = [
        one for cell in cells for one in run_report.confused(home, finished, *cell)["pictures"]
    ]
    assert [one["name"] for one in found if one["src"] is None] == [names[0]]


def test_strangers_do_not_see_the_pictures_of_a_folder(
    home: Home, finished: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    assert run_report.numbers(home, finished)["n"] == 12
    with pytest.raises(UserError, match="listed sources"):
        run_report.worst(home, finished)
    pictures = run_report.worst(home, finished, owner=True)["pictures"]
    named = run_report.numbers(home, finished, owner=True)["worst"]
    assert [one["name"] for one in pictures] == [row["name"] for row in named] and all(
        one["src"] for one in pictures
    )


def test_pictures_that_were_held_apart_from_training_are_found(home: Home, config) -> None:
    run = control.new_run(home, replace(config, val_from_train=12, epochs=1))
    train_here(home, run)
    cells = [(label, called) for label in range(3) for called in range(3)]
    found = [one for cell in cells for one in run_report.confused(home, run, *cell)["pictures"]]
    assert len(found) == 12 and all(one["src"] for one in found)


def test_before_the_end_a_sentence(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config)
    with pytest.raises(UserError, match="when the run has finished"):
        run_report.numbers(home, run)
