"""A run that does not fit its time is made smaller before its first step, and says so."""

import json
import re
from dataclasses import replace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control, session
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.training.estimate import Speed


def trained(home: Home, config: TrainConfig, in_line: int | None = None) -> tuple[int, str]:
    """Epochs, and what was estimated; in_line: epochs that are set before its turn comes."""
    run = control.new_run(home, replace(config, budget_seconds=60))
    if in_line:
        with Store(home.run(run)) as store:
            store.add_event(0, "set", json.dumps(["epochs", in_line]))
    assert train_here(home, run) == "finished"
    row = control.read_run(home, run)
    assert row.epoch == row.epochs
    with Store(home.run(run)) as store:
        return row.epochs, store.fact("estimate")


def test_what_was_set_in_line_is_kept(home: Home, config: TrainConfig) -> None:
    epochs, told = trained(home, config, in_line=2)
    assert epochs == 2 and re.search(r"about \d+ seconds?: 2 epochs to 16 px\.$", told)


def slow(*_: object):
    yield from ()
    return Speed((9.0, 0.0), (0.0, 0.0))


def test_a_slow_machine_trains_fewer_epochs(home: Home, config, monkeypatch) -> None:
    monkeypatch.setattr(session, "speed_here", slow)
    epochs, told = trained(home, replace(config, epochs=5))
    assert epochs == 3 and "3 epochs to 16 px instead of 5 to 16" in told


def test_killed_while_it_is_made_smaller_it_is_made_so_anew(
    home: Home, config, monkeypatch
) -> None:
    """Half of the change would be taken for all of it."""
    monkeypatch.setattr(session, "speed_here", slow)
    add_event = Store.add_event

    def killed(store: Store, step: int, kind: str, text: str) -> None:
        if kind == "set" and "epochs" in text:
            raise KeyboardInterrupt
        add_event(store, step, kind, text)

    run = control.new_run(home, replace(config, epochs=5, budget_seconds=60))
    monkeypatch.setattr(Store, "add_event", killed)
    with pytest.raises(KeyboardInterrupt):
        train_here(home, run)
    monkeypatch.undo()
    monkeypatch.setattr(session, "speed_here", slow)
    assert train_here(home, run) == "finished"
    assert control.read_run(home, run).epoch == 3
