"""What a pushed network says of itself: a model card filled from its run, with its curves."""

import shlex
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw

from resnet_demo.config import TrainConfig
from resnet_demo.errors import amount
from resnet_demo.export.formats import in_timm, snippet_of
from resnet_demo.files import Json
from resnet_demo.models.network import Network
from resnet_demo.palette import colour
from resnet_demo.templates import render

RECIPE = ["python", "-m", "resnet_demo", "train"]
Points = list[tuple[int, float]]
WIDTH, HEIGHT, EDGE = 480, 300, 40  # of a panel of the curves' picture, in px
CURVES = {"train_loss": "training loss", "top1": "validation top-1, %"}
BLUE, GREY, INK = (colour(name, False) for name in ("residual-1", "line", "ink"))


@dataclass(frozen=True)
class Story:
    """What its run knows; of a network without one nothing is claimed."""

    config: TrainConfig | None = None
    report: Json | None = None
    rows: dict[str, str] = field(default_factory=dict)  # data, seed, machine, ...
    curves: dict[str, Points] = field(default_factory=dict)  # of CURVES, by epoch


def write_card(folder: Path, network: Network, repo: str, license: str, story: Story) -> None:
    """README.md, and curves.png where there are curves."""
    if story.curves:
        draw_curves(story.curves).save(folder / "curves.png")
    (folder / "README.md").write_text(card(network, repo, license, story))


def card(network: Network, repo: str, license: str, story: Story) -> str:
    return render(
        "export/card.md",
        name=repo.split("/")[-1],
        license=license,
        arch=network.arch.removeprefix("timm:"),
        in_timm=in_timm(network),
        classes=network.classes,
        params=sum(p.numel() for p in network.model.parameters()),
        px=network.px,
        about=network.about,
        data=story.rows.get("data", network.about.get("data", "its training data")),
        report=story.report,
        snippet=in_timm(network) and snippet_of(network, "timm", "", f"hf-hub:{repo}"),
        repo=repo,
        recipe=story.config and shlex.join(RECIPE + story.config.options()),
        rows=list(story.rows.items()),
        curves=story.curves,
        per_class=per_class(story.report) if story.report else [],
        cell=cell,
    )


def cell(text: object) -> str:
    """Of a Markdown table: a name that somebody chose stays in its cell."""
    return "".join(c if c.isprintable() else "?" for c in str(text)).replace("|", "\\|")


def per_class(report: Json) -> list[Json]:
    """Its scores, and the other class that its pictures were called most often: not known where a
    report has no matrix, since there are so many."""
    rows = []
    for index, (name, row) in enumerate(report["per_class"].items()):
        called = report["confusion"][index] if report["confusion"] else []
        others = [0 if i == index else n for i, n in enumerate(called)]
        worst = max(others, default=0)
        taken = f"{report['classes'][others.index(worst)]} ({worst})" if worst else "–"
        rows.append({"name": name, **row, "taken_for": taken})
    return rows


def draw_curves(curves: dict[str, Points]) -> Image.Image:
    """Side by side, each from its own least to its largest value."""
    picture = Image.new("RGB", (WIDTH * len(curves), HEIGHT), "white")
    for index, (name, points) in enumerate(curves.items()):
        draw_panel(ImageDraw.Draw(picture), index * WIDTH, CURVES[name], points)
    return picture


def draw_panel(draw: ImageDraw.ImageDraw, left: int, title: str, points: Points) -> None:
    values = [value for _, value in points]
    low, span = min(values), max(max(values) - min(values), 1e-9)
    bottom, right = HEIGHT - EDGE, left + WIDTH - EDGE
    step = (WIDTH - 2 * EDGE) / max(len(points) - 1, 1)
    line = [
        (left + EDGE + i * step, bottom - (v - low) / span * (HEIGHT - 2 * EDGE))
        for i, v in enumerate(values)
    ]
    draw.line([(left + EDGE, EDGE), (left + EDGE, bottom), (right, bottom)], GREY)
    draw.line(line, BLUE, 3, "curve")
    draw.text((left + EDGE, EDGE / 3), title, INK)
    draw.text((left + 4, EDGE), f"{max(values):.3g}", INK)
    draw.text((left + 4, bottom - 8), f"{low:.3g}", INK)
    draw.text((right - 60, bottom + 8), amount(len(points), "epoch"), INK)
