from collections.abc import Callable

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.runs import control, groups, sweeps

Create = Callable[[Home, TrainConfig], object]
CREATE: dict[str, Create] = {
    "lab": lambda home, config: labs.create(home, "quick", [config] * 3),
    "sweep": lambda home, config: sweeps.create(home, config, {}, 3),
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
    assert groups.names(home.path / f"{word}s", word) == ["0001"]


def test_a_deleted_run_is_a_gap_and_a_finished_one_waits_for_nothing(
    home: Home, config: TrainConfig
) -> None:
    runs = [control.new_run(home, config) for _ in range(2)]
    control.delete(home, runs[0])
    gap, read = groups.snapshots(home, runs)
    assert gap is None and read.row.run == runs[1]
    assert groups.unfinished(home, runs) == [runs[1]]
