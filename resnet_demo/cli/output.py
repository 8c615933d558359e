"""What the command line says of an answer to people; programs read its JSON."""

import argparse
from collections.abc import Iterator
from statistics import median

from resnet_demo.errors import amount
from resnet_demo.files import Json, printable

Answer = Json


def say(args: argparse.Namespace, text: str) -> None:
    if not args.json:
        print("\n".join(map(printable, text.split("\n"))), flush=True)


def run_sentence(answer: Answer) -> str:
    top1 = "no accuracy yet" if answer["top1"] is None else f"top-1 {answer['top1']:.2f} %"
    return (
        f"Run {answer['run']} ({answer['arch']} on {answer['data']}) is {answer['state']}: {top1}, "
        f"step {answer['step']} of {answer['steps']}, {answer['seconds']:.0f} s. "
        f"{answer['message']}".rstrip()
    )


def picture_sentence(row: Answer) -> str:
    if "error" in row:
        return f"{row['path']}: {row['error']}"
    best = ", ".join(f"{guess['class']} {100 * guess['probability']:.1f} %" for guess in row["top"])
    unlike = " (unlike all it knows)" if row["unlike"] else ""
    return f"{row['path']}: {best}{unlike}, {row['ms']:.0f} ms"


def accuracy_lines(answer: Answer) -> Iterator[str]:
    """Of `evaluate`: the accuracy with its interval, then by class, then how far to trust it. What
    follows the first line is among the data's classes, where the network knows others too."""
    low, high = answer["top1_ci95"]
    yield (
        f"{answer['model']}: top-1 {answer['top1']:.2f} % (95 % interval {low:.2f} to {high:.2f}, "
        f"n = {answer['n']}), top-5 {answer['top5']:.2f} %"
    )
    counts = [row["n"] for row in answer["per_class"].values()]
    among = "_among" if "top1_among" in answer else ""
    if among:
        yield f"Among the {len(counts)} classes of {answer['data']}: {answer['top1_among']:.2f} %"
    if max(counts) > 2 * min(counts):
        yield f"  Balanced, each class counting alike: {answer['balanced_top1']:.2f} %"
    for name, row in answer["per_class"].items():
        top1 = f"{row['top1']:6.2f} %" if row["n"] else "     –  "
        yield f"  {name:20} {top1}  n = {row['n']}"
    yield (
        f"Calibration error {answer[f'ece{among}']:.1f} %, {answer['ece_scaled']:.1f} % with "
        f"temperature {answer['temperature']:.2f}. {answer['images_per_s']:.0f} images/s at "
        f"{answer['px']} px on {answer['machine']}."
    )
    if "unlike_share" in answer:
        yield f"{answer['unlike_share']:.1f} % of these would be called unlike all classes."
    if answer["note"]:
        yield answer["note"]


def block_lines(answer: Answer) -> Iterator[str]:
    """Of `inspect`: what it says, the class that was asked about, then a line a block."""
    best = answer["top"][0]
    yield f"{answer['model']} says {best['class']}: {100 * best['probability']:.1f} %."
    if best["index"] != answer["target"]:
        yield f"Below is {answer['class']}: {100 * answer['probability']:.1f} %."
    yield "block      shape           |dL/dout|   rel. grad branch/shortcut  dead  field  deletion"
    for row in answer["blocks"]:
        shape = "x".join(map(str, row["shape"]))
        yield (
            f"{row['name']:10} {shape:15} {row['grad_norm']:10.3g} "
            f"{format_number(row['relative_grad_norm']):>11} "
            f"{format_number(row['branch_over_shortcut']):>16} "
            f"{100 * row['dead_share']:4.0f} % {row['receptive_field_px']:4.0f} px "
            f"{format_number(row['deletion']):>9}"
        )


def format_number(value: float | None) -> str:
    return "-" if value is None else f"{value:.3g}"


def lesion_lines(answer: Answer) -> Iterator[str]:
    """Of `lesion`: the whole network, then a line a block."""
    if answer["note"]:
        seen = f"{amount(answer['n'], 'picture')} of {answer['data']}"
        yield f"{answer['model']} on {seen}: {answer['note']}"
    else:
        low, high = answer["baseline_ci95"]
        yield (
            f"{answer['model']}, whole, {answer['data']}: top-1 {answer['baseline_top1']:.2f} % "
            f"({low:.2f} to {high:.2f}, n = {answer['n']})"
        )
    for row in [*answer["blocks"], *([answer["together"]] if "together" in answer else [])]:
        drop = "" if row["drop"] is None else f"{row['drop']:+7.2f} points lost, "
        mark = " (its shortcut changes the shape)" if row["downsamples"] else ""
        yield f"without {row['name']:12} {drop}{row['kept']:6.2f} % keep their name{mark}"


def probe_lines(answer: Answer) -> Iterator[str]:
    """Of `probes`: a line a block."""
    chance = 100 / len(answer["classes"])
    for network in answer["networks"]:
        yield (
            f"{network['model']}, linear probes fitted on {network['n_train']} pictures of "
            f"{answer['data']}, tested on {network['n']} (guessing: {chance:.1f} %):"
        )
        for row in network["blocks"]:
            low, high = row["top1_ci95"]
            yield (
                f"  {row['name']:10} {row['channels']:5} channels  {row['top1']:6.2f} % "
                f"({low:.1f} to {high:.1f})"
            )


def ratio_lines(rows: list[Answer]) -> Iterator[str]:
    """Of `lab initialisation`: a line a network, the median over its seeds."""
    for arch in dict.fromkeys(row["arch"] for row in rows):
        ratios = [row["ratio"] for row in rows if row["arch"] == arch]
        yield f"{arch:10} first block / last convolution: {median(ratios):,.1f} (n = {len(ratios)})"


def lab_lines(answer: Answer) -> Iterator[str]:
    """Of `lab degradation`: the table, then the verdict."""
    yield "layers    plain, train     plain, val  residual, train  residual, val  plain - residual"
    for row in answer["table"]:
        cells = [error_in(row[kind][part]) for kind in ("plain", "residual") for part in PARTS]
        cells.append(error_in(row["gap"]))
        yield f"{row['depth']:6}  " + " ".join(f"{cell:>14}" for cell in cells)
    for finding in answer["verdict"]:
        yield "{question} {claim}: {outcome}. {why}".format(**finding)


PARTS = ("train", "val")


def error_in(cell: Answer | None) -> str:
    if cell is None:
        return "-"
    return f"{cell['mean']:.1f} +- {(cell['high'] - cell['low']) / 2:.1f} %"


def landscape_lines(slices: list[Answer]) -> Iterator[str]:
    """Of `lab landscape`: how high the slice rises above its middle."""
    for plane in slices:
        losses = [loss for row in plane["losses"] for loss in row if loss is not None]
        middle = plane["losses"][plane["side"] // 2][plane["side"] // 2]
        yield (
            f"{plane['arch']}: loss {middle:.3f} at the network, median {median(losses):.3g} and "
            f"at most {max(losses):.3g} within {plane['reach']:g} filter norms (n = {plane['n']})"
        )
