"""A lab as one HTML file that needs nothing else: figures, numbers, configurations, machine."""

import json
from datetime import datetime

from bokeh.embed import components
from bokeh.resources import Resources

from resnet_demo.charts import lab as figures
from resnet_demo.charts.analysis import reasons
from resnet_demo.config import Home
from resnet_demo.errors import duration
from resnet_demo.files import Json, write_whole
from resnet_demo.lab.degradation import record
from resnet_demo.lab.protocols import PROTOCOLS
from resnet_demo.lab.store import Lab
from resnet_demo.templates import render

BOKEH = Resources(mode="inline", components=["bokeh"])


def write_page(home: Home, lab: Lab) -> None:
    """report.html in the lab's folder."""
    page = report(home, lab).encode()
    write_whole(home.labs / lab.lab / "report.html", lambda file: file.write(page))


def report(home: Home, lab: Lab) -> str:
    """What is known of the lab now; nothing is loaded from elsewhere when it is opened."""
    results = record(home, lab)
    drawings = [*figures.race(home, lab), *reasons(home, lab)]
    script, places = components([drawing.figure for drawing in drawings], wrap_script=True)
    date = datetime.fromtimestamp(lab.created).strftime("%Y-%m-%d")
    about = (
        f"Protocol {lab.protocol} ({PROTOCOLS[lab.protocol].says}) on {results['data']}, {date}. "
        f"{duration(results['seconds'])} of training on {results['machine']}."
    )
    return render(
        "charts/report.html",
        title=f"Lab {lab.lab}: does depth hurt?",
        about=about,
        bokeh=BOKEH.render_js(),
        script=script,
        verdict=results["verdict"],
        shown=[(place, drawing.caption) for place, drawing in zip(places, drawings)],
        head=HEAD,
        rows=[cells(row) for row in results["table"]],
        settings=json.dumps(repeatable(results), indent=1),
    )


def repeatable(results: dict) -> Json:
    """The networks differ in `arch` and `seed` alone, so the rest is said once."""
    configs = results["configs"] or [{}]
    common = {name: value for name, value in configs[0].items() if name not in ("arch", "seed")}
    networks = [f"{config.get('arch')}, seed {config.get('seed')}" for config in results["configs"]]
    return {"networks": networks, "settings": common, "versions": results["versions"]}


HEAD = (
    "layers", "parameters", "plain: training error", "validation error",
    "residual: training error", "validation error", "plain - residual, training",
)  # fmt: skip


def cells(row: dict) -> list[str]:
    errors = [error(row[kind][part]) for kind in ("plain", "residual") for part in ("train", "val")]
    return [str(row["depth"]), f"{row['params'] or 0:,}", *errors, error(row["gap"])]


def error(cell: dict | None) -> str:
    if cell is None:
        return "–"
    half, many = (cell["high"] - cell["low"]) / 2, cell["seeds"] > 1
    return f"{cell['mean']:.1f} % ± {half:.1f}" + (f", {cell['seeds']} seeds" if many else "")
