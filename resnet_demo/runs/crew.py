"""The process that trains: one run, or the runs of a lab side by side in equal steps.

python -m resnet_demo resume 0001        # what the page starts, and what you may type
"""

import logging
import os
import signal
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

from resnet_demo.config import Home, UserError
from resnet_demo.runs import control
from resnet_demo.runs.locks import try_lock
from resnet_demo.runs.worker import POLL_SECONDS, Halt, Worker

log = logging.getLogger(__name__)
WAITING = "Waiting for another run or a measurement."


def train_here(home: Home, run: str) -> str:
    """Train one run in this process, when its turn comes; returns the state it is left in.

    Raises UserError when it failed.
    """
    return Crew(home, [run]).work()[run]


class Crew:
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
            self.dismiss_all()
            raise
        for worker in self.workers:
            worker.look_around = partial(self.look_around, worker)

    def work(self) -> dict[str, str]:
        """Train until every run has ended; returns {run: state}. Raises the UserError of the first
        that failed, when none did better."""
        self.listen_to_signals()
        try:
            for worker in self.workers:
                worker.drop_stale_commands()
                control.enqueue(self.home, worker.run)
            with self.turn():
                os.nice(10)  # the page and everything else go first
                trainings = {worker: worker.train() for worker in self.workers}
                while self.workers:
                    self.round(trainings)
        finally:
            self.dismiss_all()
        if self.errors and set(self.states.values()) == {"failed"}:
            raise self.errors[0]
        return self.states

    def listen_to_signals(self) -> None:
        def remember(number: int, _: object) -> None:
            self.signalled = "terminate" if number == signal.SIGTERM else "interrupt"
            for worker in self.workers:
                worker.signalled = self.signalled

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, remember)

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
        line = control.ahead_of(self.home, self.workers[0].run)
        return next((run for run in line if run not in mine), None)

    def begin(self) -> None:
        for worker in self.workers:
            control.dequeue(self.home, worker.run)
            worker.store.set(state="running", message="")

    def round(self, trainings: dict[Worker, Iterator[None]]) -> None:
        """One event for each run that stands furthest back, so that all advance in equal steps."""
        self.look_around()
        able = [worker for worker in self.workers if not worker.paused]
        if not able:
            return time.sleep(POLL_SECONDS)
        behind = min(worker.step for worker in able)
        for worker in able:
            if worker in self.workers and worker.step == behind:
                with self.guarded(worker):
                    if next(trainings[worker], worker) is worker:
                        self.leave(worker, "finished")

    def look_around(self, asking: Worker | None = None) -> None:
        """Let all obey. A halt of the one that asks goes to itself: it is in the midst of work."""
        for worker in list(self.workers):
            if worker is asking:
                worker.look_up()
            else:
                with self.guarded(worker):
                    worker.look_up()

    @contextmanager
    def guarded(self, worker: Worker) -> Iterator[None]:
        """What ends one run leaves the others at work."""
        try:
            yield
        except Halt as halt:
            self.leave(worker, halt.state)
        except UserError as error:
            with suppress(OSError, sqlite3.Error):
                worker.save()
            self.fail(worker, error)
        except (OSError, sqlite3.Error) as error:
            advice = "Make room or mend the disk, then resume it."
            self.fail(worker, UserError(f"Run {worker.run} stopped: {error}. {advice}"))
        except Exception as error:
            what = f"{type(error).__name__}: {error}."
            worker.fail(f"{what} The log of run {worker.run} says where.")
            log.exception("run %s", worker.run)
            raise

    def fail(self, worker: Worker, error: UserError) -> None:
        worker.fail(str(error))
        self.errors.append(error)
        self.leave(worker, "failed")

    def leave(self, worker: Worker, state: str) -> None:
        self.states[worker.run] = state
        self.workers.remove(worker)
        worker.close()

    def dismiss_all(self) -> None:
        while self.workers:
            self.workers.pop().close()
