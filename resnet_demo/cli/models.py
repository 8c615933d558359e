"""The sub-commands that use a network: measure it, let it classify, look into it."""

import argparse
from functools import partial
from pathlib import Path

from resnet_demo.classify.table import csv_text
from resnet_demo.cli.output import (
    Answer,
    accuracy_lines,
    block_lines,
    lesion_lines,
    picture_sentence,
    probe_lines,
    say,
)
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.config import Home
from resnet_demo.data.folder import LeftOut
from resnet_demo.data.labels import pictures
from resnet_demo.errors import UserError, amount, writing
from resnet_demo.files import write_whole


def evaluate(args: argparse.Namespace) -> Answer:
    """accuracy of a network on validation pictures, with its interval"""
    from resnet_demo.evaluate.evaluation import evaluate as measure

    home = Home.find(args.home)
    home.make()
    with ProgressBars() as bars:
        answer = bars.follow(measure(args.model, args.data, home, args.split))
    for line in accuracy_lines(answer):
        say(args, line)
    return answer


def classify(args: argparse.Namespace) -> Answer:
    """what a network sees in pictures"""
    from resnet_demo import device
    from resnet_demo.classify.prediction import classify as measure
    from resnet_demo.classify.predictor import Predictor
    from resnet_demo.images.decoder import Decoders
    from resnet_demo.models import reference

    names, table = pictures_in(args.images), Path(args.csv) if args.csv else None
    if table and table.exists():
        raise UserError(f"{table} exists already. Choose another place with --csv.")
    device.prepare()
    predictor = Predictor(reference.ready(args.model, Home.find(args.home)))
    decode = Decoders().decode
    given = [(name, partial(decode, Path(name))) for name in names]
    rows, bars = [], ProgressBars()
    with bars:
        for row in measure(predictor, given, args.top):
            rows.append(row)
            bars.show("Classifying", len(rows), len(given))
            say(args, picture_sentence(row))
    if table:
        text = csv_text(rows, min(args.top, len(predictor.network.classes)))
        with writing(table):  # a disk's names need not be UTF-8
            write_whole(table, lambda file: file.write(text.encode(errors="backslashreplace")))
    answer = {"model": args.model, "images": rows}
    judged = [row["unlike"] for row in rows if row.get("unlike") is not None]
    if judged:
        answer["unlike_share"] = 100 * sum(judged) / len(judged)
        say(args, f"Unlike all {len(predictor.network.classes)} classes: "
            f"{answer['unlike_share']:.1f} % of {amount(len(judged), 'picture')}.")  # fmt: skip
    return answer


def pictures_in(names: list[str]) -> list[str]:
    """Files as they are named, and all pictures below folders; a folder without any is refused
    like a file that is no picture."""
    found: list[str] = []
    for name in names:
        is_folder = Path(name).is_dir()
        below = [str(path) for path in pictures(Path(name), LeftOut())] if is_folder else [name]
        found += below or [name]
    return found


def convert(args: argparse.Namespace) -> Answer:
    """published weights (.pth, .pt, .safetensors) as a file that `file:` opens"""
    from resnet_demo.models.convert import convert as make

    classes = tuple(filter(None, args.classes.split(",")))
    source, out = Path(args.file), Path(args.out)
    answer = make(source, out, args.arch, classes, args.px, args.mean, args.std)
    say(
        args,
        f"{answer['model']}: {answer['arch']}, {answer['classes']} classes, {answer['px']} px.",
    )
    return answer


def inspect(args: argparse.Namespace) -> Answer:
    """what goes on inside a network, block by block, for one picture"""
    from resnet_demo import device
    from resnet_demo.classify.predictor import Predictor
    from resnet_demo.images.decoder import Decoders
    from resnet_demo.models import reference
    from resnet_demo.probe.export import write_inspection
    from resnet_demo.probe.inspection import inspect as measure

    device.prepare()
    network = reference.ready(args.model, Home.find(args.home))
    predict = Predictor(network).logits
    inspection = measure(network, Decoders().decode(Path(args.image)), args.target, predict)
    answer = {"model": args.model, "image": args.image, **inspection.record}
    for line in block_lines(answer):
        say(args, line)
    if args.out:
        write_inspection(Path(args.out), inspection, network, answer)
        say(args, f"Maps, heat maps and numbers are in {args.out}.")
    return answer


def lesion(args: argparse.Namespace) -> Answer:
    """accuracy with blocks switched off, one at a time"""
    from resnet_demo import device
    from resnet_demo.evaluate.lesion import lesion as measure
    from resnet_demo.models import reference

    home = Home.find(args.home)
    home.make()
    device.prepare()
    network = reference.ready(args.model, home)
    off, unplugged = names_in(args.blocks), names_in(args.unplug)
    with ProgressBars() as bars:
        work = measure(network, args.model, args.data, home, args.n, off, unplugged)
        answer = bars.follow(work)
    for line in lesion_lines(answer):
        say(args, line)
    return answer


def names_in(text: str) -> tuple[str, ...]:
    """From "layer1.1,layer2.0"."""
    return tuple(name.strip() for name in text.split(",") if name.strip())


def compare(args: argparse.Namespace) -> Answer:
    """how alike the blocks of two networks are (linear CKA)"""
    from resnet_demo import device
    from resnet_demo.evaluate.cka import compare as measure
    from resnet_demo.models import reference

    home = Home.find(args.home)
    home.make()
    device.prepare()
    first, second = ((model, reference.ready(model, home)) for model in (args.model, args.other))
    with ProgressBars() as bars:
        answer = bars.follow(measure(first, second, args.data, home, args.n))
    say(args, " " * 10 + " ".join(f"{name:>9}" for name in answer["columns"]))
    for name, row in zip(answer["rows"], answer["cka"]):
        say(args, f"{name:10}" + " ".join(f"{value:9.2f}" for value in row))
    return answer


def probes(args: argparse.Namespace) -> Answer:
    """what a linear classifier can read from each block; a second network beside it"""
    from resnet_demo import device
    from resnet_demo.evaluate.linear_probe import probes as measure
    from resnet_demo.models import reference

    home = Home.find(args.home)
    home.make()
    device.prepare()
    models = [model for model in (args.model, args.other) if model]
    networks = [(model, reference.ready(model, home)) for model in models]
    with ProgressBars() as bars:
        answer = bars.follow(measure(networks, args.data, home, args.n))
    for line in probe_lines(answer):
        say(args, line)
    return answer


def add_convert_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--arch", required=True, help="which network it is, as resnet20")
    parser.add_argument("--out", required=True, metavar="NEW", help="the file to write")
    parser.add_argument("--classes", default="", help="names in the order of the logits: a,b,c")
    parser.add_argument("--px", type=int, default=0, help="side; 32 for CIFAR's depths, else 224")
    parser.add_argument("--mean", default="", help="of pixels in 0..1, as 0.49,0.48,0.45")
    parser.add_argument("--std", default="", help="likewise; both are ImageNet's when not given")


def export(args: argparse.Namespace) -> Answer:
    """a network as a file for other programs, compared before it is written; or a run's curves"""
    from resnet_demo import device
    from resnet_demo.export.formats import export as write
    from resnet_demo.models import reference
    from resnet_demo.runs.curves_export import CURVE_FORMATS, export_curves

    if args.format in CURVE_FORMATS:
        answer = export_curves(Home.find(args.home), args.model, args.format, Path(args.out))
        say(args, f"{answer['path']}: {len(answer['names'])} curves of {answer['steps']} steps.")
        return answer
    device.prepare()
    network = reference.load(args.model, Home.find(args.home))
    done = write(network, args.model, args.format, Path(args.out))
    off = (
        f"logits off by at most {done.max_difference:.2g}" if done.max_difference else "bit for bit"
    )
    say(args, f"{done.path}: {done.bytes / 1e6:.1f} MB, compared on {done.n} pictures: {off}.")
    say(args, f"\n{done.snippet}")
    return done.to_dict()


def add_export_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--format",
        required=True,
        help="safetensors, timm (a folder) or onnx; of run:ID also csv, tensorboard (a folder)",
    )
    parser.add_argument("--out", required=True, metavar="PATH", help="the new file or folder")


def push(args: argparse.Namespace) -> Answer:
    """a network to a repository of the Hub, with a card filled from its run"""
    from resnet_demo import device
    from resnet_demo.runs.push import push as send

    device.prepare()
    home = Home.find(args.home)
    done = send(home, args.model, args.repo, args.license, args.private, args.space)
    say(args, f"{done.model} is at {done.url}; hub:{done.repo} loads it.")
    if done.space:
        say(args, f"Its Space starts in some minutes: {done.space}")
    return done.to_dict()


def add_push_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--license", required=True, help="of the weights: apache-2.0, mit, ...")
    parser.add_argument("--private", action="store_true", help="seen by nobody else")
    parser.add_argument("--space", action="store_true", help="make a Space that shows it, too")
