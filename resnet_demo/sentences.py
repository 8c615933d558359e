"""What the command line says of an answer to people; programs read its JSON."""

from collections.abc import Iterator

Answer = dict[str, object]


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
    best = ", ".join(f"{one['class']} {100 * one['probability']:.1f} %" for one in row["top"])
    unlike = " (unlike all it knows)" if row["unlike"] else ""
    return f"{row['path']}: {best}{unlike}, {row['ms']:.0f} ms"


def accuracy_lines(answer: Answer) -> Iterator[str]:
    """Of `evaluate`: the accuracy with its interval, then by class, then how far to trust it."""
    low, high = answer["top1_ci95"]
    yield (
        f"{answer['model']}: top-1 {answer['top1']:.2f} % (95 % interval {low:.2f} to {high:.2f}, "
        f"n = {answer['n']}), top-5 {answer['top5']:.2f} %"
    )
    for name, row in answer["per_class"].items():
        yield f"  {name:20} {row['top1'] or 0:6.2f} %  n = {row['n']}"
    if "top1_among" in answer:
        yield f"Among the {len(answer['per_class'])} classes: {answer['top1_among']:.2f} %."
    yield (
        f"Calibration error {answer['ece']:.1f} %, {answer['ece_scaled']:.1f} % with temperature "
        f"{answer['temperature']:.2f}. {answer['images_per_s']:.0f} images/s on "
        f"{answer['machine']}."
    )
    if "unlike_share" in answer:
        yield f"{answer['unlike_share']:.1f} % of these would be called unlike all classes."
    if answer["note"]:
        yield answer["note"]
