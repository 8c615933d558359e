"""Why, as far as it can be seen: a lab's gradients through training, responses and distances at the
end, loss slices."""

from collections.abc import Iterator

import numpy as np
from bokeh.models import ColumnDataSource, FactorRange, LogColorMapper
from bokeh.models.annotations import ColorBar
from bokeh.palettes import Viridis256
from bokeh.plotting import figure

from resnet_demo.charts.lab import Drawing, Palette, archs_of, depths_of, shown
from resnet_demo.config import Home, depth_of
from resnet_demo.lab.store import Lab, deepest_pair, runs_of
from resnet_demo.palette import colour
from resnet_demo.runs import control, measurements
from resnet_demo.runs.gradient_history import relative_norms
from resnet_demo.runs.snapshot import Run
from resnet_demo.runs.store import Store

LEVELS = 12  # of a contour picture


def reasons(home: Home, lab: Lab, dark: bool = False) -> Iterator[Drawing]:
    """Gradients through training, responses and distances at the end, loss slices: what is known
    of them so far."""
    palette, runs = Palette(dark), runs_of(home, lab)
    first_seeds = [run for run in runs if run.seed == min(run.seed for run in runs)]
    yield from strips(home, first_seeds, palette)
    yield from measured_blocks(home, first_seeds, palette)
    if any(run.state == "finished" for run in runs):
        slices = [
            measurements.read(home, run, measurements.LANDSCAPE) for run in deepest_pair(home, lab)
        ]
        whole = [each for each in slices if each and len(each["losses"]) == each["side"]]
        yield from landscapes(whole, palette)


def strips(home: Home, runs: list[Run], palette: Palette) -> Iterator[Drawing]:
    """Gradient norm over weight norm, block by block, of every pair, the deepest first."""
    histories = {}
    for run in sorted(runs, key=lambda run: (-depth_of(run.arch), run.arch)):
        with Store(control.run_folder(home, run.run)) as store:
            strip = relative_norms(store, 0)
        if strip["steps"]:
            histories[run.arch] = strip
    values = [v for strip in histories.values() for row in strip["values"] for v in row if v]
    for arch, strip in histories.items():
        yield Drawing(heat(arch, strip, (min(values), max(values)), palette), (
            "Norm of each block's gradient over that of its weights through training, on one "
            "colour scale for all networks. Even columns mean that every block learns."
        ))  # fmt: skip


def heat(arch: str, strip: dict, scale: tuple[float, float], palette: Palette) -> figure:
    mapper = LogColorMapper(palette=Viridis256, low=scale[0], high=scale[1])
    steps, blocks = strip["steps"], strip["blocks"]
    drawn = palette.blank(
        f"{shown(arch)}: gradients", "iteration", "block",
        y_range=FactorRange(factors=blocks),
    )  # fmt: skip
    cells = [
        (x, y, value) for x, row in zip(steps, strip["values"]) for y, value in zip(blocks, row)
    ]
    x, y, value = (list(column) for column in zip(*cells))
    width = steps[1] - steps[0] if len(steps) > 1 else 1
    drawn.rect(
        "x", "y", width, 1, line_color=None, fill_color={"field": "value", "transform": mapper},
        source=ColumnDataSource({"x": x, "y": y, "value": value}),
    )  # fmt: skip
    drawn.yaxis.major_label_text_font_size = "7px"
    drawn.grid.grid_line_color = None
    text = palette.text
    bar = ColorBar(color_mapper=mapper, width=10, background_fill_color=None)
    bar.major_label_text_color = text
    drawn.add_layout(bar, "right")
    return drawn


BLOCK_FIGURES = (  # title, y axis, what of a block, how to read it
    (
        "Response std, layer by layer",
        "standard deviation",
        lambda block: block["response_std"],
        "Of each 3x3 layer's output after its norm and before the ReLU or addition, on 128 "
        "validation pictures (He et al. 2015, Fig. 7). The paper finds residual responses smaller.",
    ),
    (
        "Distance from the identity",
        "share of what passes",
        lambda block: [block["distance"]],
        "How much a block changes what its shortcut carries: the norm of the change over that of "
        "what passes. Residual blocks can stay near 0; plain blocks pass nothing unchanged.",
    ),
)


def measured_blocks(home: Home, runs: list[Run], palette: Palette) -> Iterator[Drawing]:
    read = {run.arch: measurements.read(home, run.run, measurements.BLOCKS) for run in runs}
    measured = {arch: known["blocks"] for arch in archs_of(runs) if (known := read[arch])}
    if not measured:
        return
    for title, axis, values_of, caption in BLOCK_FIGURES:
        drawn = palette.blank(title, "from the first (0) to the last (1)", axis)
        for arch, blocks in measured.items():
            values = [value for block in blocks for value in values_of(block)]
            colour, x = palette.of(arch, depths_of(runs)), np.linspace(0, 1, len(values))
            points = [(at, value) for at, value in zip(x, values) if value is not None]
            at, value = (list(column) for column in zip(*points))
            drawn.line(at, value, color=colour, line_width=2, legend_label=shown(arch))
            drawn.scatter(at, value, color=colour, size=4)
        palette.finish_legend(drawn)
        yield Drawing(drawn, caption)


def landscapes(slices: list[dict], palette: Palette) -> Iterator[Drawing]:
    """Contours on one scale, then the slices along one direction."""
    if not slices:
        return
    logs = [np.log10(losses_of(plane)) for plane in slices]
    lowest, highest = (f([f(log) for log in logs]) for f in (np.nanmin, np.nanmax))
    levels = np.linspace(lowest, highest, LEVELS + 1)
    levels[-1] += 1e-6
    for plane, log in zip(slices, logs):
        yield Drawing(contours(plane, log, levels, palette), (
            f"Loss of {plane['n']:,} training pictures when all filters are moved along two random "
            "directions of their own norm (Li et al. 2018); the network is the middle. Colours: "
            "log10 of the loss, one scale for both."
        ))  # fmt: skip
    drawn = palette.blank("Loss along one direction", *SLICE_AXES, y_axis_type="log")
    depths = sorted({depth_of(plane["arch"]) for plane in slices})
    for plane in slices:
        places, middle = places_of(plane), plane["side"] // 2
        colour = palette.of(plane["arch"], depths)
        for losses in (losses_of(plane)[middle], losses_of(plane)[:, middle]):
            drawn.line(
                places, losses, color=colour, line_width=2, legend_label=shown(plane["arch"])
            )
    palette.finish_legend(drawn)
    yield Drawing(
        drawn,
        "Both slices through the middle. Where a curve is flat, moving the filters changes little.",
    )


SLICE_AXES = ("filter norms along the direction", "cross-entropy")


def losses_of(plane: dict) -> np.ndarray:
    """(side, side); NaN where the loss was not finite, which the figures leave empty."""
    return np.array(plane["losses"], dtype=float)


def places_of(plane: dict) -> list[float]:
    return np.linspace(-plane["reach"], plane["reach"], plane["side"]).tolist()


def contours(plane: dict, log: np.ndarray, levels: np.ndarray, palette: Palette) -> figure:
    drawn = palette.blank(
        f"{shown(plane['arch'])}: loss around it", "first direction", "second direction",
        match_aspect=True,
    )  # fmt: skip
    places = places_of(plane)
    colours = [Viridis256[round(i * 255 / (LEVELS - 1))] for i in range(LEVELS)]
    drawn_contour = drawn.contour(
        places, places, log, levels.tolist(), fill_color=colours, line_color=colour("ink", False),
        line_width=0.6,
    )  # fmt: skip
    bar = drawn_contour.construct_color_bar(title="log10 loss", width=10)
    bar.background_fill_color = None
    bar.major_label_text_color = bar.title_text_color = palette.text
    drawn.add_layout(bar, "right")
    drawn.scatter([0], [0], marker="cross", size=12, color="#ffffff", line_width=2)
    return drawn
