"""Runs that are trained together: in equal steps, and each as if it were alone."""

import signal
from collections.abc import Iterator
from dataclasses import replace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import Scheduler, train_here
from resnet_demo.runs.store import Store
from tests.runs.test_worker import digest, rows, start_process


@pytest.fixture
def pair(config: TrainConfig) -> list[TrainConfig]:
    return [config, replace(config, arch="plain8", seed=1)]


@pytest.fixture
def scheduler(home: Home, pair: list[TrainConfig]) -> Iterator[Scheduler]:
    """Two runs of 15 steps at rest; what they do is up to the test."""
    scheduler = Scheduler(home, [control.new_run(home, config) for config in pair])
    yield scheduler
    scheduler.save_and_close()


def steps(scheduler: Scheduler) -> list[int]:
    return [worker.step for worker in scheduler.workers]


def ask(scheduler: Scheduler, place: int, command: str) -> None:
    """Leave a command that is obeyed at the next look."""
    worker = scheduler.workers[place]
    worker.store.send(command)
    worker.asked_at = 0.0


def test_they_advance_in_equal_steps(scheduler: Scheduler) -> None:
    while scheduler.workers:
        scheduler.step_all()
        assert len(set(steps(scheduler))) <= 1 or max(steps(scheduler)) - min(steps(scheduler)) == 1
    assert set(scheduler.states.values()) == {"finished"}


def test_each_ends_as_if_it_were_alone(home: Home, pair: list[TrainConfig]) -> None:
    together = [control.new_run(home, config) for config in pair]
    assert set(Scheduler(home, together).work().values()) == {"finished"}
    for run, config in zip(together, pair):
        alone = control.new_run(home, config)
        train_here(home, alone)
        assert rows(home, run) == rows(home, alone) and digest(home, run) == digest(home, alone)


def test_a_paused_run_skips_its_turn_and_catches_up(scheduler: Scheduler) -> None:
    while steps(scheduler) != [3, 3]:
        scheduler.step_all()
    ask(scheduler, 0, "pause")
    while steps(scheduler)[1] < 7:
        scheduler.step_all()
    assert steps(scheduler) == [3, 7]
    ask(scheduler, 0, "resume")
    scheduler.step_all()
    held, ahead = steps(scheduler)
    while steps(scheduler)[0] < ahead:
        assert steps(scheduler)[1] == ahead  # the other waits for it
        scheduler.step_all()
    assert held < ahead


@pytest.mark.parametrize(("command", "state"), [("stop", "stopped"), ("cancel", "cancelled")])
def test_what_ends_one_leaves_the_other(
    command: str, state: str, scheduler: Scheduler, home: Home
) -> None:
    first, second = (worker.run for worker in scheduler.workers)
    scheduler.step_all()
    ask(scheduler, 0, command)
    while scheduler.workers:
        scheduler.step_all()
    assert scheduler.states == {first: state, second: "finished"}
    assert (first in control.run_names(home)) is (command == "stop")


def test_a_run_that_diverges_leaves_the_other(home: Home, config: TrainConfig) -> None:
    wild = replace(config, optimizer="sgd", lr=100.0, warmup=0.0, epochs=50)
    runs = [control.new_run(home, one) for one in (wild, config)]
    states = Scheduler(home, runs).work()
    assert states == {runs[0]: "failed", runs[1]: "finished"}


def test_when_all_fail_the_first_reason_is_told(home: Home, config: TrainConfig) -> None:
    missing = replace(config, data="folder:/nowhere")
    runs = [control.new_run(home, missing) for _ in range(2)]
    with pytest.raises(UserError, match="There is no folder /nowhere"):
        Scheduler(home, runs).work()
    assert {control.read_run(home, run).state for run in runs} == {"failed"}


def test_a_run_at_work_elsewhere_is_refused_and_the_others_are_let_go(
    scheduler: Scheduler, home: Home
):
    free = control.new_run(home, scheduler.workers[0].context.config)
    with pytest.raises(UserError, match="at work in another process"):
        Scheduler(home, [free, scheduler.workers[0].run])
    Scheduler(home, [free]).save_and_close()  # its lock is not held any more


def test_they_stand_in_the_line_as_one(home: Home, pair: list[TrainConfig]) -> None:
    mine = [control.new_run(home, config) for config in pair]
    other = control.new_run(home, pair[0])
    scheduler, later = Scheduler(home, mine), Scheduler(home, [other])
    assert scheduler.ahead() is None
    assert later.ahead() == mine[0]
    scheduler.save_and_close()
    assert later.ahead() is None
    later.save_and_close()


def test_a_kill_leaves_no_trace(home: Home, pair: list[TrainConfig]) -> None:
    """inside a step, inside a validation and inside the writing of a checkpoint."""
    runs = [control.new_run(home, config, save_every=0) for config in pair]
    for point, count in (("step", 9), ("validation", 2), ("checkpoint", 4)):
        assert start_process(home, ",".join(runs), point, count).wait(60) == -signal.SIGKILL
        assert {control.read_run(home, run).state for run in runs} == {"interrupted"}
    assert set(Scheduler(home, runs).work().values()) == {"finished"}
    for run, config in zip(runs, pair):
        alone = control.new_run(home, config)
        train_here(home, alone)
        assert rows(home, run) == rows(home, alone) and digest(home, run) == digest(home, alone)


def test_one_process_holds_the_turn(scheduler: Scheduler, home: Home) -> None:
    from resnet_demo.runs.locks import is_held

    with scheduler.turn():
        assert is_held(home.path / "train.lock")
        assert not list((home.path / "queue").iterdir())
        with Store(scheduler.workers[1].folder) as store:
            assert store.fact("state") == "running"
    assert not is_held(home.path / "train.lock")


def test_a_pause_holds_in_the_final_report_too(scheduler: Scheduler) -> None:
    while scheduler.workers and not all(worker.training and worker.step == 15 and worker.store.last(
        "top1") is not None for worker in scheduler.workers):  # fmt: skip
        scheduler.step_all()
    scheduler.step_all()
    for place in range(2):
        ask(scheduler, place, "pause")
    for _ in range(20):
        scheduler.step_all()
    assert [worker.store.fact("state") for worker in scheduler.workers] == ["paused", "paused"]


def test_others_are_looked_after_before_every_batch(scheduler: Scheduler, home: Home) -> None:
    """A stop is obeyed while the other run is at work, not a round later."""
    while steps(scheduler) != [2, 2]:
        scheduler.step_all()
    stopped = scheduler.workers[1].run
    ask(scheduler, 1, "stop")
    scheduler.step_all()
    assert scheduler.states == {stopped: "stopped"} and control.read_run(home, stopped).step == 2


def test_handlers_of_signals_are_given_back(home: Home, config: TrainConfig) -> None:
    before = signal.getsignal(signal.SIGINT)
    called = []
    Scheduler(home, [control.new_run(home, config)]).work(then=lambda: called.append(1))
    assert called == [1] and signal.getsignal(signal.SIGINT) is before
