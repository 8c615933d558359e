from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.runs import control, groups, mirror, sweeps
from resnet_demo.runs.scheduler import train_here

Group = labs.Lab | sweeps.Sweep
Create = Callable[[Home, TrainConfig], Group]
CREATE: dict[str, Create] = {
    "lab": lambda home, config: labs.create(home, "quick", [config] * 3),
    "sweep": lambda home, config: sweeps.create(home, config, {}, 3),
}

OPEN: dict[str, Callable[[Home, str], Group]] = {
    "lab": labs.open_lab,
    "sweep": sweeps.open_sweep,
}


@pytest.mark.parametrize("word", CREATE)
def test_a_group_is_made_whole_or_not_at_all(
    word: str, home: Home, config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = CREATE[word](home, config)
    made: list[str] = []

    def third_fails(home: Home, config: TrainConfig) -> str:
        if len(made) == 2:
            raise UserError("disk full")
        made.append(new_run(home, config))
        return made[-1]

    new_run = control.new_run
    monkeypatch.setattr(control, "new_run", third_fails)
    with pytest.raises(UserError, match=f"Cannot write a {word} .*disk full"):
        CREATE[word](home, config)
    assert len(made) == 2 and sorted(control.run_names(home)) == sorted(first.runs)
    assert groups.names(home, word) == ["0001"]


def test_a_deleted_run_is_a_gap_and_a_finished_one_waits_for_nothing(
    home: Home, config: TrainConfig
) -> None:
    runs = [control.new_run(home, config) for _ in range(2)]
    control.delete(home, runs[0])
    gap, read = groups.snapshots(home, runs)
    assert gap is None and read.row.run == runs[1]
    assert groups.unfinished(home, runs) == [runs[1]]


@pytest.mark.parametrize("word", CREATE)
def test_a_group_comes_back_from_a_mirror_with_its_runs(
    word: str, home: Home, config: TrainConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    group = CREATE[word](home, replace(config, epochs=1))
    monkeypatch.setenv(mirror.VARIABLE, str(tmp_path / "bucket"))
    for run in group.runs[:2]:
        assert train_here(home, run) == "finished"
    monkeypatch.delenv(mirror.VARIABLE)
    fresh = Home(tmp_path / "fresh")
    other = control.new_run(fresh, config)  # takes the first number
    mirror.restore_all(fresh, mirror.mirror_at(str(tmp_path / "bucket")))
    assert groups.names(fresh, word) == ["0001"]
    here = OPEN[word](fresh, "0001")
    assert (here.created, len(here.runs)) == (group.created, 3) and other not in here.runs
    assert here.runs[2].startswith(f"{group.runs[2]}-")  # it had not begun
    before, after = (groups.snapshots(*each) for each in ((home, group.runs), (fresh, here.runs)))
    assert [each.row.top1 for each in after[:2]] == [each.row.top1 for each in before[:2]]
    assert after[2] is None
    assert mirror.missing(fresh, mirror.mirror_at(str(tmp_path / "bucket"))) == []
