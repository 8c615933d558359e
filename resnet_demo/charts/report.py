"""A lab as one HTML file that needs nothing else: figures, numbers, configurations, machine."""

import html
import json
from datetime import datetime

from bokeh.embed import components
from bokeh.resources import Resources

from resnet_demo.charts import lab as figures
from resnet_demo.charts.analysis import reasons
from resnet_demo.charts.lab import Drawing
from resnet_demo.config import Home
from resnet_demo.files import Json, write_whole
from resnet_demo.lab.degradation import record
from resnet_demo.lab.protocols import PROTOCOLS
from resnet_demo.lab.store import Lab

BOKEH = Resources(mode="inline", components=["bokeh"])
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 76rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: .2rem .8rem; border-bottom: 1px solid #ccc; text-align: right; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 34rem), 1fr));
  gap: 1rem; }
figure { margin: 0; min-width: 0; } figcaption, pre { font-size: .85rem; }
pre { overflow: auto; }
"""


def write_page(home: Home, lab: Lab) -> None:
    """report.html in the lab's folder."""
    page = report(home, lab).encode()
    write_whole(home.labs / lab.lab / "report.html", lambda file: file.write(page))


def report(home: Home, lab: Lab) -> str:
    """What is known of the lab now; nothing is loaded from elsewhere when it is opened."""
    found = record(home, lab)
    drawings = [*figures.race(home, lab), *reasons(home, lab)]
    script, places = components([drawing.figure for drawing in drawings], wrap_script=True)
    shown = [place_of(place, drawing) for place, drawing in zip(places, drawings)]
    date = datetime.fromtimestamp(lab.created).strftime("%Y-%m-%d")
    title = f"Lab {lab.lab}: does depth hurt?"
    about = (
        f"Protocol {lab.protocol} ({PROTOCOLS[lab.protocol].says}) on {found['data']}, {date}. "
        f"{found['seconds'] / 60:.1f} minutes of training on {found['machine']}."
    )
    verdict = "".join(
        f"<p><b>{html.escape(f['question'])} {f['claim']}: {f['outcome']}.</b> "
        f"{html.escape(f['why'])}</p>"
        for f in found["verdict"]
    )
    settings = json.dumps(repeatable(found), indent=1)
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}</style>{BOKEH.render_js()}"
        f"<h1>{title}</h1><p>{html.escape(about)}</p>{verdict}"
        f'<div class="figures">{"".join(shown[:2])}</div>{table_of(found["table"])}'
        f'<h2>Why, as far as we can see it</h2><div class="figures">{"".join(shown[2:])}</div>'
        f"<h2>To repeat it</h2><pre>{html.escape(settings)}</pre>"
        f"{script}</html>"
    )


def repeatable(found: dict) -> Json:
    """The networks differ in `arch` and `seed` alone, so the rest is said once."""
    configs = found["configs"] or [{}]
    common = {name: value for name, value in configs[0].items() if name not in ("arch", "seed")}
    networks = [f"{config.get('arch')}, seed {config.get('seed')}" for config in found["configs"]]
    return {"networks": networks, "settings": common, "versions": found["versions"]}


def place_of(place: str, drawing: Drawing) -> str:
    return f"<figure>{place}<figcaption>{html.escape(drawing.caption)}</figcaption></figure>"


HEAD = (
    "layers", "parameters", "plain: training error", "validation error",
    "residual: training error", "validation error", "plain - residual, training",
)  # fmt: skip


def table_of(rows: list[dict]) -> str:
    head = "".join(f"<th>{name}</th>" for name in HEAD)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells(row))}</tr>" for row in rows)
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def cells(row: dict) -> list[str]:
    errors = [error(row[kind][part]) for kind in ("plain", "residual") for part in ("train", "val")]
    return [str(row["depth"]), f"{row['params'] or 0:,}", *errors, error(row["gap"])]


def error(cell: dict | None) -> str:
    if cell is None:
        return "–"
    half, many = (cell["high"] - cell["low"]) / 2, cell["seeds"] > 1
    return f"{cell['mean']:.1f} % ± {half:.1f}" + (f", {cell['seeds']} seeds" if many else "")
