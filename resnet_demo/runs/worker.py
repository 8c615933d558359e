"""One run in the process that trains it: it holds the run's lock, obeys what is asked, and trains.

Killed at any instant, it leaves a run that goes on from its newest checkpoint as if nothing had
happened. torch is imported once it is this run's turn; `runs.scheduler` says whose turn it is.
"""

import json
import logging
import sqlite3
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.context import RunContext
from resnet_demo.runs.locks import try_lock
from resnet_demo.runs.mirror import HURRIED_SECONDS, LAST_SECONDS, Mirroring
from resnet_demo.runs.queue import dequeue
from resnet_demo.runs.store import Store
from resnet_demo.runs.trackers import Tracker
from resnet_demo.training.changes import Change, changed
from resnet_demo.training.events import Diverged, Event

if TYPE_CHECKING:
    from resnet_demo.training.loop import Training

POLL_SECONDS, ALIVE_SECONDS = 0.1, 5.0


class Halt(Exception):
    """The run ends here, on request: `state` is what it is left in."""

    def __init__(self, state: str) -> None:
        super().__init__(state)
        self.state = state


class Worker:
    """One run. Raises UserError when another process is at work on it."""

    def __init__(self, home: Home, run: str) -> None:
        self.home, self.run = home, run
        self.folder = control.run_folder(home, run)
        lock = try_lock(self.folder.lock, patience=2)
        if lock is None:
            raise UserError(f"Run {run} is at work in another process. Watch it, or stop it.")
        self.lock = lock
        self.store = Store(self.folder)
        self.context = RunContext(home, run, self.folder, self.store, self.store.config)
        self.mirroring = Mirroring.of_environment(home, self.folder, self.store, self.context.say)
        self.signalled = ""  # "terminate" or "interrupt"
        self.cancelled = False  # its folder goes when the worker ends
        self.paused = False
        self.asked_at = 0.0  # when commands were last looked at
        self.alive_at = 0.0  # when the store was last told
        self.saved_at = 0.0  # when the last resume state was written
        self.training: Training | None = None  # once it is this run's turn
        self.steps = self.train()

    # --- being asked ------------------------------------------------------------------------

    def drop_stale_commands(self) -> None:
        """What was asked of a process that is gone; settings stay, to be used from here on."""
        for number, name, _ in self.store.pending():
            if name != "set":
                self.store.answer(number, f"The process that should {name} was gone.")

    def poll_commands(self) -> None:
        """Obey what was asked since the last look. Raises Halt."""
        if self.signalled:
            self.save()
            self.context.say("interrupted", f"The process was asked to end ({self.signalled}).")
            raise Halt("interrupted")
        if time.monotonic() - self.asked_at < POLL_SECONDS:
            return
        self.asked_at = time.monotonic()
        if not self.folder.store.is_file():  # somebody removed the folder: nobody can look or ask
            raise Halt("removed")
        self.give_sign_of_life()
        for number, name, value in self.store.pending():
            getattr(self, f"on_{name}")(number, value)

    def give_sign_of_life(self) -> None:
        """A process that the system has stopped keeps its lock, and is silent."""
        if time.time() - self.alive_at > ALIVE_SECONDS:
            self.alive_at = time.time()
            self.store.set(alive=self.alive_at)
            if self.context.ranks:
                self.context.ranks.announce("wait")

    @property
    def step(self) -> int:
        return self.training.step if self.training else self.store.fact("step", 0)

    def on_stop(self, number: int, _: str) -> None:
        self.store.set(state="stopping")
        self.save()
        kept = f"Stopped at step {self.step}; everything is kept, resume it whenever you like."
        self.store.set(state="stopped")
        self.store.answer(number, kept)
        self.context.say("stopped", kept)
        raise Halt("stopped")

    def on_cancel(self, number: int, _: str) -> None:
        self.store.answer(number, f"Run {self.run} was cancelled and removed.")
        self.cancelled = True
        raise Halt("cancelled")

    def on_pause(self, number: int, _: str) -> None:
        if self.training is None:
            return self.store.answer(number, "Not training yet; stop it instead.")
        self.save()
        self.store.set(state="paused")
        self.store.answer(number, f"Paused at step {self.step}.")
        self.context.say("paused", f"Paused at step {self.step}.")
        self.paused = True

    def on_resume(self, number: int, _: str) -> None:
        if not self.paused:
            return self.store.answer(number, f"Run {self.run} is at work.")
        self.paused = False
        self.store.set(state="running")
        self.context.say("resumed", f"Going on at step {self.step}.")
        self.store.answer(number, f"Going on at step {self.step}.")

    def on_set(self, number: int, value: str) -> None:
        """`lr=0.01` or `epochs=8`, in force from the next step on."""
        if self.training is None:
            return  # answered at the first step
        name, _, text = value.partition("=")
        try:
            wanted = changed(self.training.settings, name, text)
        except UserError as error:
            return self.store.answer(number, str(error))
        if wanted.epochs * self.training.steps_per_epoch < self.step:
            least = self.training.epoch + 1
            return self.store.answer(number, f"Epoch {least} has begun; epochs must be {least} up.")
        self.make_change(self.training, number, name, getattr(wanted, name))

    def make_change(self, training: "Training", number: int, name: str, value: float) -> None:
        """Event and answer in one transaction: a kill in between would make the change twice."""
        with self.store.transaction():
            self.store.add_event(self.step, "set", json.dumps([name, value]))
            self.store.answer(number, f"{name} is {value:g} from step {self.step + 1} on.")
        training.changes.append(Change(self.step, name, value))

    # --- the run ------------------------------------------------------------------------------

    def train(self) -> Generator[None]:
        """From the newest checkpoint to the final report; yields where it may be left alone."""
        from resnet_demo.runs import session
        from resnet_demo.runs.report import final_report, worst_pictures

        context = self.context
        training = self.training = yield from session.open_training(context)
        identity = f"{self.run}-{self.store.fact('created'):.0f}"  # the same after a resume
        tracker = Tracker(context.config, identity)
        if tracker.address():
            context.say("tracked", f"Mirrored at {tracker.address()}")
        self.asked_at, self.saved_at = 0.0, time.monotonic()
        self.poll_commands()  # settings that were left for this start
        for event in self.until_it_diverges(training):
            session.record(context, training, event, tracker)
            if time.monotonic() - self.saved_at > self.store.fact("save_every", 30.0):
                self.save()
            yield
        self.save()
        numbers = yield from final_report(context, training)
        worst = worst_pictures(training.val, numbers)
        tracker.finish(numbers, worst, self.folder.weights / "last.safetensors", training.step)
        self.store.set(state="finished", message="")
        self.context.say("finished", f"Finished: top-1 {numbers['top1']:.1f} %.")

    def until_it_diverges(self, training: "Training") -> Iterator[Event]:
        """The training's events; a divergence is noted, for whoever resumes."""
        from resnet_demo.training.ranks import RanksLost

        try:
            yield from training.run()
        except RanksLost:
            self.training = None  # caught inside a step: not to be saved
            raise
        except Diverged:
            self.store.set(diverged=training.step + 1)
            raise

    def save(self) -> None:
        """A resume state of this very step, if training has begun."""
        if self.training is None or self.training.step == 0:
            return
        from resnet_demo.training.checkpoint import save_state

        self.store.make_durable()
        save_state(self.folder.checkpoints, self.training.state())
        self.saved_at = time.monotonic()
        if self.mirroring:
            self.mirroring.checkpoint()

    # --- the end --------------------------------------------------------------------------------

    def fail(self, why: str) -> None:
        """Whoever catches the error prints it; a full disk may not even take the sentence."""
        with suppress(sqlite3.Error):
            self.store.set(state="failed", message=why)
            self.store.add_event(self.step, "failed", why)

    def close(self) -> None:
        self.steps.close()
        dequeue(self.home, self.run)
        if self.mirroring and self.training and not self.cancelled and self.folder.path.is_dir():
            self.mirroring.finish(HURRIED_SECONDS if self.signalled else LAST_SECONDS)
        self.store.close()
        if self.cancelled:
            control.remove(self.home, self.folder)
        self.lock.close()


def log_to(path: Path) -> logging.Handler:
    """Write what the program says to the run's log.txt as well."""
    handler = logging.FileHandler(path)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    logging.getLogger("resnet_demo").addHandler(handler)
    return handler
