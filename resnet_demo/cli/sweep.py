"""The sub-command `sweep`: the same training over settings and seeds."""

import argparse
from collections.abc import Iterator

from resnet_demo.cli.output import Answer, say
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.cli.runs import add_train_options, config_from
from resnet_demo.config import Home
from resnet_demo.errors import UserError, amount
from resnet_demo.runs import groups, sweeps


def sweep(args: argparse.Namespace) -> Answer:
    """train over a grid of settings and seeds; say which differences are larger than the noise"""
    home = Home.find(args.home)
    current = sweeps.open_sweep(home, args.sweep) if args.sweep else begin(args, home)
    if not args.show:
        try:
            train(args, home, current)
        except KeyboardInterrupt:
            say(args, f"Sweep {current.sweep} is kept; go on with `sweep --sweep {current.sweep}`.")
            raise
    answer = sweeps.results(home, current)
    for line in lines(answer):
        say(args, line)
    return answer


def begin(args: argparse.Namespace, home: Home) -> sweeps.Sweep:
    made = sweeps.create(home, config_from(args, home), sweeps.grid_of(args.grid), args.seeds)
    say(
        args,
        f"Sweep {made.sweep}: runs {made.runs[0]} to {made.runs[-1]}. Watch them with `python "
        f"app.py`, go on with `sweep --sweep {made.sweep}`.",
    )
    return made


def train(args: argparse.Namespace, home: Home, sweep: sweeps.Sweep) -> None:
    """A run that fails leaves the others at work, and one that is stopped ends the sweep. Raises
    KeyboardInterrupt when a signal asked to end."""
    runs = groups.unfinished(home, sweep.runs)
    for group in [runs] if args.together and runs else [[run] for run in runs]:
        try:
            states = train_group(home, group)
        except UserError as error:
            say(args, f"Run {', '.join(group)}: {error}")
            continue
        if "stopped" in states.values() and not args.together:
            return


def train_group(home: Home, runs: list[str]) -> dict[str, str]:
    """{run: how it ended}. Raises UserError when all failed."""
    from resnet_demo.runs.scheduler import Scheduler

    scheduler = Scheduler(home, runs)
    with ProgressBars() as bars:
        for worker in scheduler.workers:
            worker.context.report_progress = bars.show
        states = scheduler.work()
    if scheduler.signalled:
        raise KeyboardInterrupt
    return states


def lines(answer: Answer) -> Iterator[str]:
    width = max(len(row["name"]) for row in answer["rows"])
    for row in answer["rows"]:
        seeds = f"{len(row['by_seed'])} of {amount(answer['seeds'], 'seed')}"
        spread = "" if row["low"] is None else f"  ({row['low']:.2f} to {row['high']:.2f})"
        mean = "" if row["mean"] is None else f"top-1 {row['mean']:.2f} %"
        yield f"{row['name']:{width}}  {seeds}  {mean}{spread}"
    yield from answer["verdict"]


def add_sweep_options(parser: argparse.ArgumentParser) -> None:
    add_train_options(parser)
    parser.add_argument(
        "--grid", action="append", default=[], metavar="NAME=VALUES", help="as in lr=0.01,0.02"
    )
    parser.add_argument("--seeds", type=int, default=3, help="runs of each setting; default 3")
    parser.add_argument(
        "--together", action="store_true", help="all in equal steps, instead of one by one"
    )
    parser.add_argument("--sweep", default="", metavar="ID", help="go on with this sweep")
    parser.add_argument("--show", action="store_true", help="say what is known, and end")
