"""Train a lab, then measure and report: one process holds all runs and advances them in equal
steps."""

import logging
from collections.abc import Callable

from resnet_demo.config import Home
from resnet_demo.files import write_json
from resnet_demo.lab.block_statistics import measure_blocks
from resnet_demo.lab.degradation import record
from resnet_demo.lab.store import Lab
from resnet_demo.progress import ReportProgress, finish
from resnet_demo.runs import groups
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.worker import log_to


def race(home: Home, lab: Lab, report: ReportProgress, write_page: Callable[[], None]) -> None:
    """Go on with what has not finished; measure and report while nobody else may train.

    write_page: makes report.html of what is then known. Raises KeyboardInterrupt when interrupted,
    with all kept; UserError when every run failed.
    """

    def measure_and_report() -> None:
        finish(measure_blocks(home, lab), report)
        write_json(home.labs / lab.lab / "report.json", record(home, lab))
        write_page()

    runs = groups.unfinished(home, lab.runs)
    if not runs:
        return measure_and_report()
    handler = log_to(home.labs / lab.lab / "log.txt")
    scheduler = Scheduler(home, runs)
    for worker in scheduler.workers:
        worker.context.report_progress = report
    try:
        scheduler.work(then=measure_and_report)
    finally:
        logging.getLogger("resnet_demo").removeHandler(handler)
    if scheduler.signalled:
        raise KeyboardInterrupt
