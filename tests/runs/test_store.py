import sqlite3
from pathlib import Path

import pytest

from resnet_demo.config import TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store.create(RunFolder(tmp_path), TrainConfig(arch="resnet20"))


def test_a_run_is_what_was_asked_for(store: Store, tmp_path: Path) -> None:
    assert Store(RunFolder(tmp_path)).config == TrainConfig(arch="resnet20")
    assert store.fact("state") == "queued" and store.fact("nothing", 7) == 7


def test_a_row_written_twice_is_one_row(store: Store) -> None:
    for value in (1.0, 2.0):
        store.add_metrics(3, {"loss": value, "lr": 0.1})
    assert store.metrics(["loss", "lr"]) == {"loss": [(3, 2.0)], "lr": [(3, 0.1)]}


def test_only_what_is_new_is_read(store: Store) -> None:
    for step in (1, 2, 3):
        store.add_metrics(step, {"loss": float(step), "other": 0.0})
    assert store.metrics(["loss"], since=1) == {"loss": [(2, 2.0), (3, 3.0)]}
    assert (store.last("loss"), store.best("loss"), store.last("top1")) == (3.0, 3.0, None)


def test_rewinding_forgets_what_is_done_again(store: Store) -> None:
    for step in (1, 2, 3):
        store.add_metrics(step, {"loss": 0.0})
    store.rewind(2)
    assert [step for step, _ in store.metrics(["loss"])["loss"]] == [1, 2]


def test_commands_wait_until_they_are_answered(store: Store, tmp_path: Path) -> None:
    number = Store(RunFolder(tmp_path)).send("set", "lr=0.1")
    assert store.pending() == [(number, "set", "lr=0.1")] and store.answer_to(number) is None
    store.answer(number, "done")
    assert not store.pending() and Store(RunFolder(tmp_path)).answer_to(number) == "done"


def test_changes_are_the_set_events(store: Store) -> None:
    store.add_event(5, "set", '["lr", 0.5]')
    store.add_event(6, "paused", "…")
    assert store.changes() == [(5, "lr", 0.5)]


def test_another_versions_file_is_left_alone(store: Store, tmp_path: Path) -> None:
    store.close()
    with sqlite3.connect(tmp_path / "run.sqlite") as db:
        db.execute("PRAGMA user_version = 99")
    before = (tmp_path / "run.sqlite").read_bytes()
    with pytest.raises(UserError, match="format 99, here 1"):
        Store(RunFolder(tmp_path))
    assert (tmp_path / "run.sqlite").read_bytes() == before


def test_a_folder_that_holds_no_run_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="There is no run"):
        Store(RunFolder(tmp_path / "0001"))
