"""What a run's parts share while it trains: where it is, what it was told, and whom it tells."""

import logging
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from resnet_demo.config import Home, TrainConfig
from resnet_demo.progress import Progress, ReportProgress, be_silent
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs.store import Store

if TYPE_CHECKING:
    from resnet_demo.training.ranks import Ranks

log = logging.getLogger(__name__)
Result = TypeVar("Result")


@dataclass
class RunContext:
    home: Home
    run: str
    folder: RunFolder
    store: Store
    config: TrainConfig
    report_progress: ReportProgress = be_silent
    ranks: "Ranks | None" = None  # where several processes train together, this being rank 0

    def say(self, kind: str, text: str) -> None:
        """An event at the step that the store has, and a line of the log."""
        self.store.add_event(self.store.fact("step", 0), kind, text)
        log.info("%s", text)

    def follow(self, work: Generator[Progress, None, Result]) -> Generator[None, None, Result]:
        """A long preparation step by step, showing its progress; yields between the steps."""
        while True:
            try:
                what, done, total = next(work)
            except StopIteration as end:
                return end.value
            self.report_progress(what, done, total)
            self.store.set(message=f"{what}: {done:,}" + (f" of {total:,}" if total else ""))
            yield
