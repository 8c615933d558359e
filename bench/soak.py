"""Thousands of classifications through the page's API: memory, descriptors and files stay flat."""

import os
from pathlib import Path

from bench.load import WELL, Person
from bench.viewers import served
from resnet_demo.config import Home

WARM_UP, PARTS, EACH = 500, 5, 1000


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place / "home")
    home.make()
    os.environ["GRADIO_TEMP_DIR"] = str(place / "uploads")
    with served(home) as port:
        person, process = Person(port), process_at(port)
        ask(person, WARM_UP)
        rows = [state(process, place)]
        for _ in range(PARTS):
            ask(person, EACH)
            rows.append(state(process, place))
    grown = (rows[-1]["rss_mib"] - rows[0]["rss_mib"]) / PARTS
    return {"classifications": PARTS * EACH, "mib_per_1000": round(grown, 2), "states": rows}


def ask(person: Person, times: int) -> None:
    for _ in range(times):
        assert person.ask()[2] == WELL, "a wrong answer"


def process_at(port: int) -> Path:
    """The server's folder in /proc."""
    for place in Path("/proc").glob("[0-9]*"):
        words = (place / "cmdline").read_bytes().split(b"\0")
        if b"app.py" in words and str(port).encode() in words:
            return place
    raise RuntimeError(f"nothing serves port {port}")


def state(process: Path, place: Path) -> dict[str, float]:
    lines = (process / "status").read_text().splitlines()
    (kib,) = (line.split()[1] for line in lines if line.startswith("VmRSS"))
    return {
        "rss_mib": round(int(kib) / 1024, 1),
        "descriptors": len(list((process / "fd").iterdir())),
        "threads": len(list((process / "task").iterdir())),
        "uploads": sum(path.is_file() for path in (place / "uploads").rglob("*")),
    }
