"""The command line: one sub-command, one short function.

    python -m resnet_demo train --data imagenette --preset coffee
    python -m resnet_demo runs

`--json` puts one JSON object on the last line of standard output and nothing else there.
"""

import argparse
import io
import json
import logging
import os
import sys
from collections.abc import Callable

from resnet_demo.cli.datasets import add_dataset_options, dataset
from resnet_demo.cli.jobs import add_jobs_options, jobs
from resnet_demo.cli.lab import add_lab_options, lab
from resnet_demo.cli.mirror import add_mirror_options, mirror
from resnet_demo.cli.models import (
    add_convert_options,
    add_export_options,
    add_push_options,
    classify,
    compare,
    convert,
    evaluate,
    export,
    inspect,
    lesion,
    probes,
    push,
)
from resnet_demo.cli.runs import (
    INTERRUPTED,
    add_mirror_option,
    add_train_options,
    delete,
    estimate,
    find_lr,
    resume,
    runs,
    set_,
    show,
    steer,
    train,
)
from resnet_demo.cli.sweep import add_sweep_options, sweep
from resnet_demo.errors import UserError
from resnet_demo.files import plain
from resnet_demo.runs.followers import check_command
from resnet_demo.runs.subprocess_measurement import end_with_parent

BROKEN_PIPE = 141


def add_sample_options(parser: argparse.ArgumentParser, n: int) -> None:
    parser.add_argument(
        "--data", default="imagenette", help="DATA whose validation pictures to use"
    )
    parser.add_argument("--n", type=int, default=n, help=f"how many of them; default {n}")


Command = Callable[..., argparse.ArgumentParser]  # name, function, positional arguments


def parser() -> argparse.ArgumentParser:
    about = (__doc__ or "").split("\n")[0]
    top = argparse.ArgumentParser(prog="python -m resnet_demo", description=about)
    commands = top.add_subparsers(dest="command", required=True)

    def command(name: str, function: Callable, *positional: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=function.__doc__)
        for argument in positional:
            sub.add_argument(argument)
        sub.add_argument("--home", help="folder of runs, caches and downloads")
        sub.add_argument("--device", help="cuda, mps, xpu or cpu; the first that is here")
        sub.add_argument("--json", action="store_true", help="one JSON object on standard output")
        sub.set_defaults(function=function)
        return sub

    add_run_commands(command)
    add_model_commands(command)
    add_dataset_options(command("dataset", dataset))
    add_lab_options(command("lab", lab))
    add_sweep_options(command("sweep", sweep))
    add_mirror_options(command("mirror", mirror, "place"))
    add_jobs_options(command("jobs", jobs))
    add_train_options(command("estimate", estimate))
    add_train_options(command("find-lr", find_lr))
    return top


def add_run_commands(command: Command) -> None:
    sub = command("train", train)
    add_train_options(sub)
    add_mirror_option(sub)
    sub.add_argument("--save-every", type=float, default=30.0, help="seconds between checkpoints")
    command("runs", runs)
    command("show", show, "run")
    sub = command("resume", resume, "run")
    sub.add_argument("--data", help="where its pictures lie now, when they were moved")
    add_mirror_option(sub)
    for name in ("pause", "stop", "cancel"):
        command(name, steer, "run")
    command("delete", delete, "run")
    sub = command("set", set_, "run")
    sub.add_argument("--lr")
    sub.add_argument("--epochs")


def add_model_commands(command: Command) -> None:
    sub = command("evaluate", evaluate, "model")
    sub.add_argument("--data", default="imagenette")
    sub.add_argument(
        "--split", choices=("val", "clean", "all"), default="val",
        help="val; clean: that ImageNet's networks have not seen; all: also those to train on",
    )  # fmt: skip
    sub = command("classify", classify, "model")
    sub.add_argument("images", nargs="+", metavar="image", help="a file, or a folder of them")
    sub.add_argument("--csv", metavar="FILE", help="write a table there, a line a picture")
    sub.add_argument("--top", type=int, default=5, help="how many classes to name")
    sub = command("inspect", inspect, "model", "image")
    sub.add_argument("--target", help="class by name or index; the most probable when not given")
    sub.add_argument("--out", metavar="DIR", help="write maps, heat maps and numbers there")
    add_convert_options(command("convert", convert, "file"))
    add_export_options(command("export", export, "model"))
    add_push_options(command("push", push, "model", "repo"))
    sub = command("lesion", lesion, "model")
    sub.add_argument(
        "--blocks",
        default="",
        help="these, or a channel (layer2.1:17), each alone and all together",
    )
    sub.add_argument("--unplug", default="", help="blocks whose shortcut is cut instead")
    add_sample_options(sub, 500)
    sub = command("probes", probes, "model")
    sub.add_argument("--other", default="", metavar="MODEL", help="a network beside it")
    add_sample_options(sub, 500)
    add_sample_options(command("compare", compare, "model", "other"), 64)


def main() -> int:
    args = parser().parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(message)s")
    package_log = logging.getLogger("resnet_demo")
    package_log.setLevel(logging.INFO)
    package_log.propagate = not args.json
    for stream in (sys.stdout, sys.stderr):  # names that a terminal cannot show are spelled out
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    end_with_parent()
    try:
        check_command(args.command)
        if args.device:  # also for the processes that it starts
            os.environ["RESNET_DEMO_DEVICE"] = args.device
        answer = args.function(args)
        if args.json:
            print(json.dumps(plain(answer)), flush=True)
    except BrokenPipeError:  # `| head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except UserError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
