"""The process that trains: one run, or the runs of a lab side by side in equal steps.

python -m resnet_demo resume 0001        # what the page starts, and what you may type
"""

import logging
import signal
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.runs import priority
from resnet_demo.runs.locks import try_lock
from resnet_demo.runs.queue import ahead_of, dequeue, enqueue
from resnet_demo.runs.worker import POLL_SECONDS, Halt, Worker

log = logging.getLogger(__name__)
WAITING = "Waiting for another run or a measurement."


def train_here(home: Home, run: str) -> str:
    """Train one run in this process, when its turn comes; returns the state it is left in.

    Raises UserError when it failed.
    """
    return Scheduler(home, [run]).work()[run]


class Scheduler:
    """Runs that are trained together. Holds their locks from the beginning.

    Raises UserError when one of them is at work in another process.
    """

    def __init__(self, home: Home, runs: Iterable[str]) -> None:
        self.home = home
        self.workers: list[Worker] = []  # those that have not ended
        self.states: dict[str, str] = {}  # how the others ended
        self.errors: list[UserError] = []
        self.signalled = ""
        try:
            for run in runs:
                self.workers.append(Worker(home, run))
        except UserError:
            self.save_and_close()
            raise

    def work(self, then: Callable[[], None] = lambda: None) -> dict[str, str]:
        """Train until every run has ended; returns {run: state}. `then` is called while nobody else
        may train, unless a signal asked to end. Raises the UserError of the first that failed,
        when none did better."""
        try:
            with self.signals_kept():
                for worker in self.workers:
                    worker.drop_stale_commands()
                    enqueue(self.home, worker.run)
                with self.turn():
                    priority.give_way()
                    while self.workers:
                        self.step_all()
                    if not self.signalled:
                        then()
        finally:
            self.save_and_close()
        if self.errors and set(self.states.values()) == {"failed"}:
            raise self.errors[0]
        return self.states

    @contextmanager
    def signals_kept(self) -> Iterator[None]:
        """SIGTERM and SIGINT are obeyed between two batches."""

        def remember(number: int, _: object) -> None:
            self.signalled = "terminate" if number == signal.SIGTERM else "interrupt"
            for worker in self.workers:
                worker.signalled = self.signalled

        numbers = (signal.SIGTERM, signal.SIGINT)
        before = [signal.signal(number, remember) for number in numbers]
        try:
            yield
        finally:
            for number, handler in zip(numbers, before):
                signal.signal(number, handler)

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for the lock that says who trains in this home, and hold it."""
        said = ""
        while self.workers:
            ahead = self.ahead()
            lock = None if ahead else try_lock(self.home.path / "train.lock")
            if lock:
                with lock:
                    self.begin()
                    yield
                return
            waiting = ahead and f"Waiting for run {ahead}." or WAITING
            if waiting != said:
                said = waiting
                for worker in self.workers:
                    worker.store.set(state="queued", message=waiting)
                log.info("%s", waiting)
            time.sleep(POLL_SECONDS)
            self.look_around()
        yield  # nobody is left to train

    def ahead(self) -> str | None:
        """A run of others that stands before these in the line."""
        mine = {worker.run for worker in self.workers}
        line = ahead_of(self.home, self.workers[0].run)
        return next((run for run in line if run not in mine), None)

    def begin(self) -> None:
        for worker in self.workers:
            dequeue(self.home, worker.run)
            runs = [each.run for each in self.workers]
            worker.store.set(state="running", message="", together=runs)

    def step_all(self) -> None:
        """One event for each run whose turn it is; all obey before each."""
        turns = self.next_workers()
        if not turns:
            time.sleep(POLL_SECONDS)
            self.look_around()
        for worker in turns:
            self.look_around()
            if worker in self.workers and not worker.paused:
                with self.guarded(worker):
                    if next(worker.steps, worker) is worker:
                        self.remove_finished(worker, "finished")

    def next_workers(self) -> list[Worker]:
        """The runs that stand furthest back, so that all advance in equal steps; one alone while
        it is opened, since the others use what it decodes."""
        able = [worker for worker in self.workers if not worker.paused]
        opening = [worker for worker in able if worker.training is None]
        behind = min((worker.step for worker in able), default=0)
        return opening[:1] or [worker for worker in able if worker.step == behind]

    def look_around(self) -> None:
        for worker in list(self.workers):
            with self.guarded(worker):
                worker.poll_commands()

    @contextmanager
    def guarded(self, worker: Worker) -> Iterator[None]:
        """What ends one run leaves the others at work."""
        try:
            yield
        except Halt as halt:
            self.remove_finished(worker, halt.state)
        except UserError as error:
            with suppress(OSError, sqlite3.Error):
                worker.save()
            self.fail(worker, error)
        except (OSError, sqlite3.Error) as error:
            advice = "Make room or mend the disk, then resume it."
            self.fail(worker, UserError(f"Run {worker.run} stopped: {error}. {advice}"))
        except Exception as error:
            what = f"{type(error).__name__}: {error}."
            worker.fail(f"{what} The log of run {worker.run}, or of its lab, says where.")
            log.exception("run %s", worker.run)
            raise

    def fail(self, worker: Worker, error: UserError) -> None:
        worker.fail(str(error))
        self.errors.append(error)
        self.remove_finished(worker, "failed")

    def remove_finished(self, worker: Worker, state: str) -> None:
        self.states[worker.run] = state
        self.workers.remove(worker)
        worker.close()

    def save_and_close(self) -> None:
        """Nothing is lost: what was trained since the last checkpoint is saved."""
        while self.workers:
            worker = self.workers.pop()
            with suppress(OSError, sqlite3.Error):
                worker.save()
            worker.close()
