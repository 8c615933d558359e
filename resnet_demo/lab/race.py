"""Train a lab, then measure and report: one process holds all runs and advances them in equal
steps."""

import logging
from collections.abc import Generator

from resnet_demo.config import Home, Progress
from resnet_demo.files import write_json, write_whole
from resnet_demo.lab.blocks import measure_blocks
from resnet_demo.lab.degradation import record
from resnet_demo.lab.labs import Lab, unfinished
from resnet_demo.progress import ProgressBars
from resnet_demo.runs.crew import Crew
from resnet_demo.runs.worker import log_to

log = logging.getLogger(__name__)


def race(home: Home, lab: Lab, bars: ProgressBars) -> None:
    """Go on with what has not finished; measure and report while nobody else may train.

    Raises KeyboardInterrupt when interrupted, with all kept; UserError when every run failed.
    """
    runs = unfinished(home, lab)
    if not runs:
        return bars.follow(finish(home, lab))
    handler = log_to(home.labs / lab.lab)
    crew = Crew(home, runs)
    for worker in crew.workers:
        worker.progress = bars.show
    try:
        crew.work(then=lambda: bars.follow(finish(home, lab)))
    finally:
        logging.getLogger("resnet_demo").removeHandler(handler)
    if crew.signalled:
        raise KeyboardInterrupt


def finish(home: Home, lab: Lab) -> Generator[Progress, None, None]:
    """Measure the blocks of finished runs; write report.json and report.html."""
    yield from measure_blocks(home, lab)
    folder = home.labs / lab.lab
    write_json(folder / "report.json", record(home, lab))
    try:
        from resnet_demo.lab.report import report
    except ModuleNotFoundError as missing:  # a machine that only trains
        return log.info("report.html needs %s; make it where that is installed.", missing.name)
    page = report(home, lab).encode()
    write_whole(folder / "report.html", lambda file: file.write(page))
