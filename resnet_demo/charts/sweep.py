"""A sweep's figure: accuracy by epoch of every setting, with its spread over seeds."""

from bokeh.models import BasicTicker, ColumnDataSource
from bokeh.palettes import Colorblind7

from resnet_demo.charts.lab import Drawing, Palette
from resnet_demo.config import Home
from resnet_demo.lab.curves import Line, Points, over_seeds
from resnet_demo.runs.store import Store
from resnet_demo.runs.sweeps import Sweep, named, snapshots

MOST_LINES = len(Colorblind7)  # more cannot be told apart; the eighth is black, as a dark page


def top1_by_epoch(store: Store) -> Points:
    (points,) = store.metrics(["top1"]).values()
    return dict(enumerate((value for _, value in points), start=1))


def curves(home: Home, sweep: Sweep) -> dict[str, Line]:
    """{setting: {x: epochs, mean, low, high: top-1 in percent}}, as far as all its seeds are."""
    runs = snapshots(home, sweep, top1_by_epoch)
    lines = {}
    for setting, group in zip(sweep.settings, sweep.by_setting(runs)):
        begun = [run.more for run in group if run and run.more]
        if begun:
            lines[named(setting)] = over_seeds(begun)
    return lines


def drawn(home: Home, sweep: Sweep, dark: bool = False) -> Drawing:
    palette, lines = Palette(dark), curves(home, sweep)
    plot = palette.blank(f"Sweep {sweep.sweep}", "epoch", "top-1, percent")
    plot.xaxis.ticker = BasicTicker(min_interval=1)
    for (name, line), colour in zip(lines.items(), Colorblind7):
        source = ColumnDataSource(line)
        plot.varea("x", "low", "high", source=source, color=colour, alpha=0.2)
        plot.line("x", "mean", source=source, color=colour, line_width=3, legend_label=name)
        plot.scatter("x", "mean", source=source, color=colour, size=6)
    palette.finish_legend(plot)
    left = len(lines) - MOST_LINES
    more = f" The first {MOST_LINES} settings of {len(lines)}." if left > 0 else ""
    return Drawing(
        plot,
        "Mean over the seeds that have come so far; bands: one standard deviation of them." + more,
    )
