"""A lab's figures, drawn here once for the page and for the report. Plain orange, residual blue;
training thin, validation bold; the deeper the network, the stronger its colour."""

from collections.abc import Generator
from functools import partial
from statistics import median
from typing import Any, NamedTuple

from bokeh.embed import json_item
from bokeh.models import ColumnDataSource, Plot
from bokeh.models.annotations import Title
from bokeh.plotting import figure

from resnet_demo.config import Home, depth_of
from resnet_demo.files import Json
from resnet_demo.lab import paper
from resnet_demo.lab.curves import curves, points_of
from resnet_demo.lab.degradation import classes_of
from resnet_demo.lab.store import Lab, snapshots
from resnet_demo.palette import DEPTHS, FONT, TITLE_SIZE, colour
from resnet_demo.progress import Progress
from resnet_demo.runs.snapshot import Run

KINDS = {"plain": "Plain networks", "resnet": "Residual networks"}
HEIGHT = 300
EMPTY: dict[str, list[float]] = {"x": [], "mean": [], "low": [], "high": []}


class Drawing(NamedTuple):
    """A figure and how to read it."""

    figure: Plot
    caption: str


class Palette(NamedTuple):
    """Colours of the page around the figures."""

    dark: bool

    @property
    def text(self) -> str:
        return colour("ink", self.dark)

    def of(self, arch: str, depths: list[int]) -> str:
        kind = "plain" if arch.startswith("plain") else "residual"
        place = depths.index(depth_of(arch))
        shades = DEPTHS[kind][self.dark]
        if len(depths) == 1:
            return shades[2]
        return shades[round(place * (len(shades) - 1) / (len(depths) - 1))]

    def blank(self, title: str, x: str, y: str, **more: Any) -> figure:
        text, line = self.text, colour("line", self.dark)
        named = Title(text=title, text_color=text, text_font=FONT, text_font_size=TITLE_SIZE)
        drawn = figure(
            title=named, x_axis_label=x, y_axis_label=y,
            height=HEIGHT, min_width=260,
            sizing_mode="stretch_width", toolbar_location="above",
            tools="hover,box_zoom,wheel_zoom,reset,save",
            background_fill_color=None, border_fill_color=None, outline_line_color=None,
            output_backend="canvas", **more,
        )  # fmt: skip
        drawn.toolbar.logo, drawn.toolbar.autohide = None, True
        drawn.toolbar.active_drag = None  # a thumb scrolls the page
        for axis in drawn.axis:
            axis.axis_label_text_color = axis.major_label_text_color = text
            axis.axis_label_text_font = axis.major_label_text_font = FONT
            axis.axis_label_text_font_style = "normal"
            axis.axis_line_color = axis.major_tick_line_color = line
            axis.minor_tick_line_color = None
        drawn.grid.grid_line_color = line
        return drawn

    def finish_legend(self, drawn: figure) -> None:
        if drawn.legend:
            drawn.add_layout(drawn.legend[0], "below")
            drawn.legend.ncols, drawn.legend.click_policy = 2, "hide"
            drawn.legend.background_fill_color = drawn.legend.border_line_color = None
            drawn.legend.label_text_color = self.text


def for_page(drawing: Drawing) -> Json:
    """{item, title, caption}: `Bokeh.embed.embed_item(item, place)` draws it."""
    title = drawing.figure.title
    assert isinstance(title, Title)
    return {"item": json_item(drawing.figure), "title": title.text, "caption": drawing.caption}


# --- the race ------------------------------------------------------------------------------------


def race(home: Home, lab: Lab, dark: bool = False) -> list[Drawing]:
    """Two panels, plain and residual, of equal scale. Sources are named as `curves` names lines, so
    that a page can append to them."""
    read = snapshots(home, lab, partial(points_of, have={}))
    runs, lines, classes = [snapshot.row for snapshot in read], curves(read), classes_of(read)
    return [panel(runs, lines, classes, kind, Palette(dark)) for kind in KINDS]


def panel(
    runs: list[Run], lines: dict, classes: list[str] | None, kind: str, palette: Palette
) -> Drawing:
    depths = depths_of(runs)
    most = max((run.steps for run in runs), default=0) or 1
    drawn = palette.blank(
        KINDS[kind], "iteration", "error, percent", x_range=(0, 1.04 * most), y_range=(0, 100)
    )
    marks = paper.marks(classes)["plain" if kind == "plain" else "residual"]
    for arch in archs_of(runs, kind):
        colour = palette.of(arch, depths)
        for part, width, dots in (("train", 1.2, 0), ("val", 3.2, 6)):
            known = lines.get(f"{arch} {part}", EMPTY)
            source = ColumnDataSource(known, name=f"{arch} {part}")
            drawn.varea("x", "low", "high", source=source, color=colour, alpha=0.15)
            drawn.line(
                "x", "mean", source=source, color=colour, line_width=width, legend_label=shown(arch)
            )
            drawn.scatter("x", "mean", source=source, color=colour, size=dots)
        depth = depth_of(arch)
        if depth in marks:
            drawn.scatter(
                [most], [marks[depth]], marker="dash", size=22, line_width=3, color=colour
            )
    palette.finish_legend(drawn)
    note = f" {paper.NOTE}" if marks and kind == "resnet" else ""
    seeds = len({run.seed for run in runs})
    band = f" Bands: one standard deviation of the {seeds} seeds." if seeds > 1 else ""
    caption = "Training error thin (pictures as augmented), validation error bold; lower is better."
    return Drawing(drawn, caption + band + note)


def shown(arch: str) -> str:
    return arch.replace("plain", "plain-").replace("resnet", "residual-")


def archs_of(runs: list[Run], kind: str = "") -> list[str]:
    archs = {run.arch for run in runs if run.arch.startswith(kind)}
    return sorted(archs, key=lambda arch: (depth_of(arch), arch))


def depths_of(runs: list[Run]) -> list[int]:
    return sorted({depth_of(run.arch) for run in runs})


# --- before any training -------------------------------------------------------------------------


def drawn_initialisation(data: str, home: Home) -> Generator[Progress, None, Json]:
    """The answer of `lab.initialisation` with its `drawings`: for a light page, for a dark one."""
    from resnet_demo.lab.initialisation import run

    answer = yield from run(data, home)
    drawings = [for_page(initialisation(answer, dark)) for dark in (False, True)]
    return answer | {"drawings": drawings}


def initialisation(answer: dict, dark: bool) -> Drawing:
    """The median over seeds of every network."""
    palette = Palette(dark)
    drawn = palette.blank(
        "Gradients before training", "layers", "first block over last convolution",
        y_axis_type="log",
    )  # fmt: skip
    said = []
    for kind, name in (("plain", "plain (orange)"), ("resnet", "residual (blue)")):
        by_depth: dict[int, list[float]] = {}
        for row in answer["rows"]:
            if row["arch"].startswith(kind):
                by_depth.setdefault(row["depth"], []).append(row["ratio"])
        middle = [median(ratios) for ratios in by_depth.values()]
        colour = DEPTHS["plain" if kind == "plain" else "residual"][dark][2]
        drawn.line(list(by_depth), middle, color=colour, line_width=3)
        drawn.scatter(list(by_depth), middle, color=colour, size=8)
        said.append(f"{name} {', '.join(f'{ratio:.3g}' for ratio in middle)}")
    return Drawing(drawn, (
        f"Relative gradient norm of the first block's convolution over that of the last, by "
        f"depth, median of the seeds, {answer['n']} pictures of {answer['data']}: "
        f"{'; '.join(said)}. Above 1 the gradient grows toward the picture (it explodes, compare "
        "Yang et al. 2019), below 1 it vanishes. It takes a batch in train mode; one picture in "
        "eval mode shows nothing of it."
    ))  # fmt: skip
