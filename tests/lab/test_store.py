"""Labs on disk, and what is done to all runs of one."""

import json

import pytest

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.lab.store import Lab
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held, try_lock
from resnet_demo.runs.store import Store
from tests.conftest import wait_until


def test_a_lab_is_found_again_and_its_runs_are_ordinary_runs(home: Home, lab: Lab) -> None:
    assert labs.open_lab(home, lab.lab) == lab
    assert set(lab.runs) == set(control.run_names(home))
    assert labs.state_of(labs.runs_of(home, lab)) == "queued"


def test_labs_are_listed_newest_first(home: Home, lab: Lab) -> None:
    second = labs.create(home, "quick", [Store(home.run(lab.runs[0])).config])
    assert labs.lab_names(home) == [second.lab, lab.lab]


@pytest.mark.parametrize("name", ["", "0009", "../0001", "0001/..", "x"])
def test_a_name_that_is_none_lists_the_labs(name: str, home: Home, lab: Lab) -> None:
    with pytest.raises(UserError, match="There is no lab .* Labs: 0001"):
        labs.open_lab(home, name)


def test_nothing_to_pause_or_stop_is_said(home: Home, lab: Lab) -> None:
    for command in ("pause", "stop"):
        with pytest.raises(UserError, match=f"nothing to {command}"):
            labs.steer(home, lab.lab, command)
    with pytest.raises(UserError, match="A lab can pause"):
        labs.steer(home, lab.lab, "cancel")


def test_a_run_of_another_version_leaves_the_lab_usable(home: Home, lab: Lab) -> None:
    with Store(home.run(lab.runs[0])) as store:
        store.set(config=store.fact("config") | {"of": "tomorrow"})
    assert [run.run for run in labs.runs_of(home, lab)] == [lab.runs[1]]
    assert "deleted" in labs.steer(home, lab.lab, "delete")


def test_a_finished_lab_has_nothing_to_resume(raced: tuple[Home, Lab]) -> None:
    home, lab = raced
    with pytest.raises(UserError, match="have finished"):
        labs.steer(home, lab.lab, "resume")


def test_deleting_a_lab_removes_its_runs(home: Home, lab: Lab) -> None:
    lock = try_lock(home.run(lab.runs[1]).lock)
    with pytest.raises(UserError, match="Stop the lab first"):
        labs.steer(home, lab.lab, "delete")
    assert control.run_names(home) == sorted(lab.runs, reverse=True)
    lock.close()
    assert "2 runs were deleted" in labs.steer(home, lab.lab, "delete")
    assert control.run_names(home) == [] and labs.lab_names(home) == []


def test_a_run_that_was_deleted_leaves_the_rest(home: Home, lab: Lab) -> None:
    control.delete(home, lab.runs[0])
    assert [run.run for run in labs.runs_of(home, lab)] == [lab.runs[1]]
    control.delete(home, lab.runs[1])
    assert labs.state_of(labs.runs_of(home, lab)) == "deleted"


def test_the_process_is_paused_resumed_stopped_and_goes_on(home: Home, lab: Lab) -> None:
    """A real one, as the page starts it."""
    for run in lab.runs:
        with Store(home.run(run)) as store:
            store.add_event(0, "set", json.dumps(["epochs", 400]))
    labs.spawn_worker(home, lab)
    state = lambda: labs.state_of(labs.runs_of(home, lab))  # noqa: E731
    steps = lambda: [run.step for run in labs.runs_of(home, lab)]  # noqa: E731
    wait_until(lambda: min(steps()) > 2)
    assert labs.steer(home, lab.lab, "pause").startswith("2 runs: Paused at step")
    assert state() == "paused"
    assert labs.steer(home, lab.lab, "resume").startswith("2 runs: Going on at step")
    held = min(steps())
    wait_until(lambda: min(steps()) > held)
    assert "everything is kept" in labs.steer(home, lab.lab, "stop")
    wait_until(lambda: state() == "stopped")
    stopped = min(steps())
    wait_until(lambda: not any(is_held(home.run(run).lock) for run in lab.runs))
    assert "is going on" in labs.steer(home, lab.lab, "resume")
    wait_until(lambda: min(steps()) > stopped)
    labs.steer(home, lab.lab, "stop")
    wait_until(lambda: "deleted" in tried(home, lab, "delete"))


def tried(home: Home, lab: Lab, command: str) -> str:
    """Empty while the process is still ending."""
    try:
        return labs.steer(home, lab.lab, command)
    except UserError:
        return ""
