"""What the steps of the Read tab show: each function computes its figure for one choice.

A figure is {sentence, and what is drawn: lines, bars, table or images}; read/panel.js draws it.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np

from resnet_demo.evaluate.statistics import wilson
from resnet_demo.files import Json, read_json
from resnet_demo.models.network import Network
from resnet_demo.runs.shipped import shipped_run
from resnet_demo.ui.examples import example_files
from resnet_demo.ui.read.steps import LOOP
from resnet_demo.ui.serving import data_url

PAPER_MULTIPLY_ADDS = {  # He et al. 2015, Table 1, which calls them FLOPs
    "resnet18": 1.8e9,
    "resnet34": 3.6e9,
    "resnet50": 3.8e9,
    "resnet101": 7.6e9,
    "resnet152": 11.3e9,
}
SIDE = 224
BATCH = 32  # drawn pictures behind the gradients


def degradation(guess: str, bundled: Callable[[], Network]) -> Json:
    """The lab that ships with the page."""
    shipped = shipped_run()
    results = shipped and read_json(shipped.path / "lab.json")
    if results and not guess:
        return {"sentence": "Guess first."}
    if not results:
        return {"sentence": "No lab ships with this copy: train one in the Lab, in some minutes."}
    errors = {row["arch"]: row["train_error"] for row in results["rows"]}
    lower = min(("20", "56"), key=lambda depth: errors[f"plain{depth}"])
    return {
        "sentence": f"Your guess is {'right' if guess == lower else 'wrong'}. Training error at "
        f"the end, {results['about']}",
        "bars": [
            {"name": arch, "value": errors[arch], "unit": "%", "plain": arch.startswith("plain")}
            for arch in ("plain20", "plain56", "resnet20", "resnet56")
        ],
    }


def gradients(depth: str, bundled: Callable[[], Network]) -> Json:
    import torch

    from resnet_demo.data.shapes import shapes
    from resnet_demo.images.decode import square
    from resnet_demo.probe.initialisation import gradient_ratio

    split = shapes().train
    pixels = np.stack([square(split.read(index), 32) for index in range(BATCH)])
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    labels = torch.tensor(split.labels[:BATCH]) % 10
    lines, sentences = [], []
    for kind, word in (("plain", "plain"), ("resnet", "residual")):
        ratio, blocks = gradient_ratio(f"{kind}{depth}", 0, images, labels)
        sentences.append(f"{word} {ratio:,.1f} times")
        lines.append({"name": word, "plain": kind == "plain", "y": list(blocks.values())})
    return {
        "sentence": f"First block's gradient over the last's, untrained: {', '.join(sentences)}.",
        "lines": lines,
        "x": "block, from the picture",
        "y": "gradient norm over weight norm",
    }


def block(name: str, bundled: Callable[[], Network]) -> Json:
    import torch

    from resnet_demo.probe.anatomy import anatomy, walk

    network = bundled()
    seen = np.stack([network.crop(picture(index)) for index in range(len(example_files()))])
    with torch.no_grad():
        steps = {step.name: step for step in walk(anatomy(network.model), network.normalise(seen))}
    step = steps[name]
    assert step.branch is not None and step.shortcut is not None
    sizes = {
        "x, as it came": step.shortcut,
        "F(x), what it adds": step.branch,
        "the sum, after ReLU": step.out,
    }
    norms = {what: t.flatten(1).norm(dim=1).mean().item() for what, t in sizes.items()}
    share = norms["F(x), what it adds"] / norms["x, as it came"]
    return {
        "sentence": f"{name} adds {share:.2f} of what its shortcut carries (norms, in the mean "
        "over the three drawn pictures).",
        "bars": [{"name": what, "value": value, "unit": ""} for what, value in norms.items()],
    }


def shapes(stage: str, bundled: Callable[[], Network]) -> Json:
    import torch

    from resnet_demo.models import build

    with torch.device("meta"):
        model = build("resnet18").eval()
        outputs = dict(model.walk(torch.empty(1, 3, SIDE, SIDE)))
    before = "stem" if stage == "1" else f"layer{int(stage) - 1}.1"
    first = dict(model.blocks())[f"layer{stage}.0"]
    given, made = outputs[before].shape[1:], outputs[f"layer{stage}.0"].shape[1:]
    way = "as it came" if first.downsample is None else "1x1 convolution, then a norm (option B)"
    rows = [
        ["x", by(given), ""],
        ["F(x): conv1", by(made), f"stride {first.conv1.stride[0]}"],
        ["F(x): conv2", by(made), f"stride {first.conv2.stride[0]}"],
        ["shortcut", by(made), way],
        ["F(x) + shortcut", by(made), "same shape, so they add"],
    ]
    return {
        "sentence": f"The first block of layer{stage}, for a picture of {SIDE} px.",
        "table": {"head": ["", "channels × height × width", ""], "rows": rows},
    }


def architectures(arch: str, bundled: Callable[[], Network]) -> Json:
    from resnet_demo.models import describe

    rows = describe(arch)
    total = sum(row.multiply_adds for row in rows)
    table = [
        [r.stage, f"{r.output_px} × {r.output_px}", str(r.blocks or ""), f"{r.params:,}",
         f"{r.multiply_adds / 1e6:,.0f}"]
        for r in rows
    ]  # fmt: skip
    return {
        "sentence": f"{total / 1e9:.2f} billion multiply-adds, counted; the paper prints "
        f"{PAPER_MULTIPLY_ADDS[arch] / 1e9:.1f}. {sum(r.params for r in rows):,} parameters.",
        "table": {
            "head": ["stage", "output", "blocks", "parameters", "million multiply-adds"],
            "rows": table,
        },
    }


def timm(arch: str, bundled: Callable[[], Network]) -> Json:
    import torch

    from resnet_demo.models import build, hub

    theirs, ours = hub.untrained_timm(arch), build(arch).eval()
    ours.load_state_dict(theirs.state_dict())
    images = torch.randn(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = (ours(images) - theirs(images)).abs().max().item()
    counts = [f"{sum(p.numel() for p in model.parameters()):,}" for model in (ours, theirs)]
    names = [str(len(model.state_dict())) for model in (ours, theirs)]
    return {
        "sentence": f"Largest difference of the 1,000 logits: {difference:g}.",
        "table": {
            "head": ["", "here", "timm"],
            "rows": [["parameters", *counts], ["tensors, by the same names", *names]],
        },
    }


def preprocessing(number: str, bundled: Callable[[], Network]) -> Json:
    from PIL import Image

    from resnet_demo.images.decode import square

    wide = picture(int(number))[50:-50]  # as a photograph is: wider than high
    height, width = wide.shape[:2]
    squashed = np.array(Image.fromarray(wide).resize((SIDE, SIDE)))
    return {
        "sentence": f"{width} × {height} px, brought to {SIDE} × {SIDE}: squashed, everything is "
        f"{width / height:.2f} times too thin.",
        "images": [
            {"src": data_url(squashed, "JPEG"), "caption": "squashed, as in the article"},
            {"src": data_url(square(wide, SIDE), "JPEG"), "caption": "cut out of the middle"},
        ],
    }


def listing(fault: str, bundled: Callable[[], Network]) -> Json:
    from resnet_demo.ui.read.faults import FAULTS

    if fault == LOOP:
        return loops()
    listed = FAULTS[fault]
    rows = [
        ["as printed", listed.printed, said(listed.run)],
        ["mended", listed.mended, said(listed.mend)],
    ]
    return {"sentence": listed.why, "table": {"head": ["", "line", "gives"], "rows": rows}}


def loops() -> Json:
    """What ships of `bench peers`: top-1 of the mended loop and of ours, after equal epochs."""
    shipped = shipped_run()
    measured = shipped and read_json(shipped.path / "loops.json")
    if not measured:
        return {
            "sentence": "No measurement ships with this copy: `python -m bench peers` makes it."
        }
    names = {"article": "the article's loop", "ours": "the loop of this program"}
    return {
        "sentence": f"Right on the validation pictures, {measured['about']}",
        "bars": [
            {"name": names[loop], "value": top1, "unit": "%", "plain": loop == "article"}
            for loop, top1 in measured["top1"].items()
        ],
    }


def said(code: Callable[[], object]) -> str:
    """What it gives, or what Python says of it."""
    try:
        return str(code())
    except (RuntimeError, TypeError, NameError, ValueError) as error:
        return f"{type(error).__name__}: {str(error)[:120]}"


def evaluation(counted: str, bundled: Callable[[], Network]) -> Json:
    import copy

    import torch

    network, n = bundled(), int(counted)
    seen = np.stack([network.crop(picture(index)) for index in range(len(example_files()))])
    images = network.normalise(seen)
    with torch.no_grad():
        logits = network.model(images)
        training = copy.deepcopy(network.model).train()(images)
    rows = []
    for index, path in enumerate(example_files()):
        shares = [network.probabilities(scores[index]) for scores in (logits, training)]
        sure = [100 * share.max().item() for share in shares]
        best = network.classes[int(logits[index].argmax())]
        rows.append([path.stem, best, f"{logits[index].sum():.2f}", *(f"{s:.1f} %" for s in sure)])
    low, high = wilson(round(0.9 * n), n)
    return {
        "sentence": f"90 % right of {n:,} pictures means {low:.1f} to {high:.1f} % (95 % interval, "
        "Wilson 1927). Below, three drawn pictures: logits do not sum to one, and in training mode "
        "the same picture gets another probability, since its neighbours count.",
        "table": {
            "head": ["picture", "called", "sum of logits", "surest, eval()", "surest, train()"],
            "rows": rows,
        },
    }


def after(choice: str, bundled: Callable[[], Network]) -> Json:
    sentences = {
        "train": "Train: choose how much time you have and press Start. Curves, gradients and a "
        "report come by themselves.",
        "own": "Train, My pictures: drop a ZIP with a folder for each class. The classifier alone "
        "is trained in seconds.",
        "apart": "Inspect: double-click a block to switch it off, click an arc to cut its "
        "shortcut, and watch the prediction.",
        "lab": "Lab: quick takes a coffee. Guess first.",
    }
    return {"sentence": sentences[choice]}


FIGURES: dict[str, Callable[[str, Callable[[], Network]], Json]] = {
    "degradation": degradation,
    "gradients": gradients,
    "block": block,
    "shapes": shapes,
    "architectures": architectures,
    "timm": timm,
    "preprocessing": preprocessing,
    "listing": listing,
    "evaluation": evaluation,
    "next": after,
}


def by(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


@cache
def picture(index: int) -> np.ndarray:
    """RGB uint8 of a drawn example."""
    return pixels_of(example_files()[index])


def pixels_of(path: Path) -> np.ndarray:
    from PIL import Image

    return np.array(Image.open(path).convert("RGB"))
