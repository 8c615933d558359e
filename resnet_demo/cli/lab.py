"""The sub-command `lab`: experiments of the paper, and what can be measured of their networks."""

import argparse
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from resnet_demo.cli.output import Answer, lab_lines, landscape_lines, ratio_lines, say
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError

log = logging.getLogger(__name__)

if TYPE_CHECKING:
    from resnet_demo.lab.store import Lab


def lab(args: argparse.Namespace) -> Answer:
    """experiments: degradation, initialisation, landscape (loss around a lab's networks)"""
    home = Home.find(args.home)
    home.make()
    return EXPERIMENTS[args.experiment](args, home)


def initialisation(args: argparse.Namespace, home: Home) -> Answer:
    """gradients by depth before any training"""
    from resnet_demo.lab.initialisation import run

    with ProgressBars() as bars:
        answer = bars.follow(run(args.data or "shapes", home))
    for line in ratio_lines(answer["rows"]):
        say(args, line)
    return answer


def degradation(args: argparse.Namespace, home: Home) -> Answer:
    """plain against residual networks, trained side by side in equal steps"""
    from resnet_demo.lab.degradation import record
    from resnet_demo.lab.runner import race
    from resnet_demo.lab.store import open_lab

    if args.estimate:
        return estimate(args, home, configs_in(args, home))
    lab = open_lab(home, args.lab) if args.lab else begin(args, home)
    try:
        with ProgressBars() as bars:
            race(home, lab, bars.show, lambda: write_page(home, lab))
    except KeyboardInterrupt:
        say(args, f"Lab {lab.lab} is kept; go on with `lab degradation --lab {lab.lab}`.")
        raise
    answer = record(home, lab)
    for line in lab_lines(answer):
        say(args, line)
    return answer


def write_page(home: Home, lab: "Lab") -> None:
    """report.html, unless this machine only trains."""
    try:
        from resnet_demo.charts import report
    except ModuleNotFoundError as missing:
        return log.info("report.html needs %s; make it where that is installed.", missing.name)
    report.write_page(home, lab)


def configs_in(args: argparse.Namespace, home: Home) -> list[TrainConfig]:
    from resnet_demo.lab import protocols

    depths = protocols.depths_in(args.depths)
    return protocols.configs(args.protocol, args.data or "cifar10", home, depths, args.seeds)


def begin(args: argparse.Namespace, home: Home) -> "Lab":
    """A new lab, listed before any other work is done; then how long it will take."""
    from resnet_demo.lab.store import create
    from resnet_demo.runs.subprocess_measurement import alone

    configs = configs_in(args, home)
    lab = create(home, args.protocol, configs)
    say(
        args,
        f"Lab {lab.lab}: runs {lab.runs[0]} to {lab.runs[-1]}. Watch it with `python app.py`, go "
        f"on with `lab degradation --lab {lab.lab}`.",
    )
    with suppress(UserError), alone(home):  # a run that is under way would spoil the measurement
        estimate(args, home, configs)
    return lab


def estimate(args: argparse.Namespace, home: Home, configs: list[TrainConfig]) -> Answer:
    from resnet_demo.lab.degradation import estimate as measure

    with ProgressBars() as bars:
        answer = bars.follow(measure(configs, home))
    say(args, answer["sentence"])
    return answer


def landscape(args: argparse.Namespace, home: Home) -> Answer:
    """loss around the deepest plain and residual networks of a lab"""
    from resnet_demo.lab import store as labs
    from resnet_demo.lab.landscape import landscape as measure

    if not args.lab:
        raise UserError("Name the lab whose networks to measure: --lab ID.")
    runs = labs.deepest_pair(home, labs.open_lab(home, args.lab))
    with ProgressBars() as bars:
        slices = [bars.follow(measure(home, run)) for run in runs]
    for line in landscape_lines(slices):
        say(args, line)
    return {"lab": args.lab, "landscapes": slices}


EXPERIMENTS = {
    "degradation": degradation,
    "initialisation": initialisation,
    "landscape": landscape,
}


def add_lab_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("experiment", choices=tuple(EXPERIMENTS))
    parser.add_argument("--data", help="DATA; degradation: cifar10, else shapes, when not given")
    parser.add_argument("--protocol", default="quick", help="degradation: quick, short or paper")
    parser.add_argument("--depths", default="", help="degradation: as in 20,56; 6n + 2 each")
    parser.add_argument("--seeds", type=int, default=0, help="degradation: networks of each kind")
    parser.add_argument(
        "--estimate", action="store_true", help="degradation: say how long, and end"
    )
    parser.add_argument("--lab", default="", metavar="ID", help="go on with this lab")
