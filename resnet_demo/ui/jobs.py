"""Long work that the page asks for: one at a time, watched by asking, stopped at any step."""

import contextvars
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress
from resnet_demo.ui.access import OWNER

KEPT = 20
WAITING, OF_ONE, OF_OWNER = 6, 2, 6  # measurements of all visitors, of one, of the owner
ASK_SECONDS = 0.1
FORGOTTEN_SECONDS = 90  # work that nobody asks for any more ends; a hidden page asks once a minute
LONGEST_SECONDS = 600  # of a visitor's work: others wait for it, and training beside it slows
TOO_LONG = "Stopped after {:.0f} minutes, the longest for a visitor. Take fewer pictures or blocks."
Work = Callable[[], Generator[Progress, None, Json]]


@dataclass
class Job:
    """What became of one piece of work so far."""

    visitor: str = ""
    progress: Json = field(default_factory=lambda: {"what": "Waiting its turn"})
    stopping: threading.Event = field(default_factory=threading.Event)
    over: bool = False
    asked_at: float = field(default_factory=time.monotonic)


class Jobs:
    def __init__(self) -> None:
        self.jobs: OrderedDict[str, Job] = OrderedDict()
        self.lock = threading.Lock()
        self.turns = {True: threading.Lock(), False: threading.Lock()}  # the owner's, visitors'

    def start(self, work: Work, visitor: str = "") -> str:
        """Raises UserError when too many wait. The owner never waits for visitors."""
        with self.lock:
            self.check_place(visitor)
            name = secrets.token_hex(8)  # nobody stops or reads another's
            job = self.jobs[name] = Job(visitor)
            for old in [ended for ended, job in self.jobs.items() if job.over][:-KEPT]:
                del self.jobs[old]
        run = contextvars.copy_context().run  # a lent GPU is booked to the visitor who asks
        threading.Thread(target=run, args=(self.run, job, work), daemon=True).start()
        return name

    def check_place(self, visitor: str) -> None:
        waiting = [job.visitor for job in self.jobs.values() if not job.over]
        mine = waiting.count(visitor)
        if mine >= (OF_OWNER if visitor == OWNER else OF_ONE):
            raise UserError(f"{mine} of your measurements are waiting here; stop one, or wait.")
        if visitor != OWNER and len(waiting) - waiting.count(OWNER) >= WAITING:
            raise UserError(f"{WAITING} measurements are waiting here; ask again in a minute.")

    def run(self, job: Job, work: Work) -> None:
        with self.turns[job.visitor == OWNER]:
            try:
                job.progress = follow(job, work())
            except UserError as error:
                job.progress = {"error": str(error)}
            except Exception:
                job.progress = {"error": "This measurement failed; the server's log says more."}
                raise
            finally:
                job.over = True

    def progress(self, name: str) -> Json:
        """{what, done, total} under way, {answer} or {error} at the end."""
        job = self.jobs.get(name)
        if job is None:
            return {"error": "This measurement is not known any more. Ask again."}
        job.asked_at = time.monotonic()
        return job.progress

    def finish(self, work: Work, visitor: str = "") -> Json:
        """For programs that wait. Raises UserError as the work does."""
        name = self.start(work, visitor)
        while not self.jobs[name].over:
            self.progress(name)
            time.sleep(ASK_SECONDS)
        progress = self.progress(name)
        if "error" in progress:
            raise UserError(progress["error"])
        return progress["answer"]

    def stop(self, name: str) -> None:
        if name in self.jobs:
            self.jobs[name].stopping.set()


def follow(job: Job, steps: Generator[Progress, None, Json]) -> Json:
    began = time.monotonic()
    while (reason := reason_to_stop(job, began)) is None:
        try:
            what, done, total = next(steps)
        except StopIteration as end:
            return {"answer": end.value}
        job.progress = {"what": what, "done": done, "total": total}
    steps.close()
    return {"error": reason}


def reason_to_stop(job: Job, began: float) -> str | None:
    now = time.monotonic()
    if job.stopping.is_set() or now - job.asked_at >= FORGOTTEN_SECONDS:
        return "Stopped."
    if job.visitor != OWNER and now - began >= LONGEST_SECONDS:
        return TOO_LONG.format(LONGEST_SECONDS / 60)
    return None
