"""The sub-commands about runs: start them, steer them, list them."""

import argparse
import logging
from collections.abc import Callable
from dataclasses import asdict, fields

from resnet_demo.cli.output import Answer, run_sentence, say
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import read_json
from resnet_demo.runs import control, followers, mirror
from resnet_demo.runs.snapshot import RunSnapshot

INTERRUPTED = 130
EPOCH_METRICS = ("train_loss", "val_loss", "train_error")


def train(args: argparse.Namespace) -> Answer:
    """train in this process; the run is listed before any other work is done"""
    mirror.use(args.mirror)
    home = Home.find(args.home)
    if followers.is_follower():
        followers.follow(home)
    if before := followers.begun_before(home):
        return work(args, home, before)
    run = control.new_run(home, control.ready(config_from(args, home), home), args.save_every)
    say(args, f"Run {run}: watch it with `python app.py`, or `python -m resnet_demo show {run}`.")
    return work(args, home, run)


def resume(args: argparse.Namespace) -> Answer:
    """go on with a run, here; a run that is paused elsewhere goes on there"""
    mirror.use(args.mirror)
    home = Home.find(args.home)
    if followers.is_follower():
        followers.follow(home)
    control.check_here(control.run_folder(home, args.run))
    if control.read_run(home, args.run).state == "paused":
        say(args, control.send(home, args.run, "resume"))
        return summary(home, args.run)
    if args.data:
        with ProgressBars() as bars:
            control.move_data(home, args.run, args.data, bars.show)
    return work(args, home, args.run)


def work(args: argparse.Namespace, home: Home, run: str) -> Answer:
    from resnet_demo.runs.scheduler import Scheduler
    from resnet_demo.runs.worker import log_to

    handler = log_to(control.run_folder(home, run).log)
    scheduler = Scheduler(home, [run])
    context = scheduler.workers[0].context
    with ProgressBars() as bars, followers.leading() as context.ranks:
        context.report_progress = bars.show
        state = scheduler.work()[run]
    logging.getLogger("resnet_demo").removeHandler(handler)
    if state == "cancelled":
        return {"run": run, "state": state}
    if scheduler.signalled == "interrupt":
        say(args, f"Run {run} is kept; go on with `python -m resnet_demo resume {run}`.")
        raise SystemExit(INTERRUPTED)
    answer = summary(home, run)
    say(args, run_sentence(answer))
    return answer


def show(args: argparse.Namespace) -> Answer:
    """what a run did, or is doing"""
    answer = summary(Home.find(args.home), args.run)
    say(args, run_sentence(answer))
    return answer


def runs(args: argparse.Namespace) -> Answer:
    """all runs, newest first"""
    rows = list(control.list_runs(Home.find(args.home)))
    if not rows:
        say(args, "No runs yet. Start one: python -m resnet_demo train --data shapes")
    for row in rows:
        top1 = "" if row.top1 is None else f"top-1 {row.top1:5.1f} %"
        say(
            args,
            f"{row.run}  {row.state:11}  {row.arch:9}  {row.data[-30:]:30}  "
            f"epoch {row.epoch}/{row.epochs}  {top1}  {row.message}",
        )
    return {"runs": [asdict(row) for row in rows]}


def steer(args: argparse.Namespace) -> Answer:
    """leave a command for the run's process and wait for its answer"""
    home = Home.find(args.home)
    text = (
        control.cancel(home, args.run)
        if args.command == "cancel"
        else control.send(home, args.run, args.command)
    )
    say(args, text)
    return {"run": args.run, "answer": text}


def delete(args: argparse.Namespace) -> Answer:
    """remove a run that is not at work"""
    text = control.delete(Home.find(args.home), args.run)
    say(args, text)
    return {"run": args.run, "answer": text}


def set_(args: argparse.Namespace) -> Answer:
    """change the learning rate or the number of epochs of a run, also while it is on"""
    changes = [f"{name}={getattr(args, name)}" for name in ("lr", "epochs") if getattr(args, name)]
    if not changes:
        raise UserError("Nothing to set. Give --lr X or --epochs N.")
    home = Home.find(args.home)
    answers = [control.send(home, args.run, "set", setting) for setting in changes]
    for text in answers:
        say(args, text)
    return {"run": args.run, "answer": " ".join(answers)}


def estimate(args: argparse.Namespace) -> Answer:
    """how long a run would take here"""
    from resnet_demo.training.preflight import estimate as measure

    return before_start(args, measure)


def find_lr(args: argparse.Namespace) -> Answer:
    """try learning rates for some seconds and suggest one"""
    from resnet_demo.training.preflight import find_lr as sweep

    return before_start(args, sweep)


def before_start(args: argparse.Namespace, measure: Callable) -> Answer:
    home = Home.find(args.home)
    home.make()
    with ProgressBars() as bars:
        answer = bars.follow(measure(config_from(args, home), home))
    say(args, answer["sentence"])
    return answer


# --- shared by the commands ------------------------------------------------------------------


def summary(home: Home, run: str) -> Answer:
    """The JSON of train, resume and show."""
    folder = control.run_folder(home, run)
    snapshot = RunSnapshot.read(folder, lambda store: store.mean("images_per_s"))
    row, report = snapshot.row, read_json(folder.report) or {}
    return {
        "run": run,
        "state": row.state,
        "arch": row.arch,
        "data": row.data,
        "epochs": row.epochs,
        "epoch": row.epoch,
        "steps": row.steps,
        "step": row.step,
        "top1": row.top1,
        "best_top1": row.best_top1,
        **{name: snapshot.epoch_metrics.get(name) for name in EPOCH_METRICS},
        "seconds": row.seconds,
        "images_per_s": snapshot.more,
        "params": row.params,
        "weights_sha256": report.get("sha256"),
        "message": row.message,
    }


def config_from(args: argparse.Namespace, home: Home) -> TrainConfig:
    """What was typed, and what follows from it."""
    typed = {f.name: getattr(args, f.name) for f in fields(TrainConfig)}
    given = {name: value for name, value in typed.items() if value is not None}
    return control.config_of(home, given, args.preset or "")


# --- arguments ---------------------------------------------------------------------------------


def add_train_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--preset",
        help="minute, coffee or lunch: what fits that time",
    )
    for f in fields(TrainConfig):
        option = "--" + f.name.replace("_", "-")
        default = f"; default {f.default}" if f.default != "" else ""
        kind = {"action": argparse.BooleanOptionalAction, "default": None}
        more = kind if f.type is bool else {"type": f.type}
        parser.add_argument(option, help=f.metadata["says"] + default, **more)


def add_mirror_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--mirror", help="hub:USER/REPO or a folder that snapshots go to at each checkpoint"
    )
