"""Train a lab, then measure and report: one process holds all runs and advances them in equal
steps."""

import json
import logging
from collections.abc import Generator

from resnet_demo.config import Home, Progress
from resnet_demo.files import write_whole
from resnet_demo.lab.blocks import measure_blocks
from resnet_demo.lab.degradation import record
from resnet_demo.lab.labs import Lab, unfinished
from resnet_demo.progress import ProgressBars
from resnet_demo.runs.crew import Crew
from resnet_demo.runs.worker import log_to

log = logging.getLogger(__name__)


def race(home: Home, lab: Lab, bars: ProgressBars) -> None:
    """Go on with what has not finished. Raises KeyboardInterrupt when interrupted, with all kept;
    UserError when every run failed."""
    runs = unfinished(home, lab)
    if not runs:
        return
    handler = log_to(home.labs / lab.lab)
    crew = Crew(home, runs)
    crew.workers[0].progress = bars.show
    try:
        crew.work()
    finally:
        logging.getLogger("resnet_demo").removeHandler(handler)
    if crew.signalled:
        raise KeyboardInterrupt


def finish(home: Home, lab: Lab) -> Generator[Progress, None, None]:
    """Measure the blocks of finished runs; write report.html and report.json."""
    yield from measure_blocks(home, lab)
    numbers = json.dumps(record(home, lab))
    write(home, lab, "report.json", numbers)
    try:
        from resnet_demo.lab.report import report
    except ModuleNotFoundError as missing:  # a machine that only trains
        return log.info("report.html needs %s; make it where that is installed.", missing.name)
    write(home, lab, "report.html", report(home, lab))


def write(home: Home, lab: Lab, name: str, text: str) -> None:
    write_whole(home.labs / lab.lab / name, lambda file: file.write(text.encode()))
