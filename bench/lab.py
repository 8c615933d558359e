"""The lab's `quick` protocol with five seeds, each as the command in a home of its own; and one
21 x 21 loss slice around a 56-layer network."""

import json
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from resnet_demo.config import Home
from resnet_demo.lab import protocols
from resnet_demo.lab import store as labs
from resnet_demo.lab.landscape import PICTURES, SIDE, landscape
from resnet_demo.progress import finish

SEEDS = range(5)
MARGIN = 10.0  # points of training error
ROOT = Path(__file__).resolve().parent.parent


def measure(data: str, place: Path) -> dict[str, object]:
    raced = [race(data, Home(place / f"seed{seed}"), seed) for seed in SEEDS]
    home = Home(place / f"seed{SEEDS[0]}")
    (deepest,) = [row["run"] for row in raced[0]["rows"] if row["arch"] == "resnet56"]
    started = time.perf_counter()
    finish(landscape(home, deepest))
    seconds = time.perf_counter() - started
    errors = [{row["arch"]: row["train_error"] for row in one["rows"]} for one in raced]
    return {
        "protocol": "quick",
        "seconds": [one["seconds"] for one in raced],  # the whole command, decoding included
        "train_error": errors,
        "val_error": [{row["arch"]: row["val_error"] for row in one["rows"]} for one in raced],
        "verdicts": [[finding["outcome"] for finding in one["verdict"]] for one in raced],
        "plain56_over_plain20": sum(e["plain56"] >= e["plain20"] + MARGIN for e in errors),
        "resnet56_below_plain56": sum(e["resnet56"] <= e["plain56"] - MARGIN for e in errors),
        "landscape": {"side": SIDE, "pictures": PICTURES, "seconds": round(seconds)},
    }


def race(data: str, home: Home, seed: int) -> dict[str, object]:
    """The JSON of the command, with its seconds from start to end."""
    home.make()
    configs = [replace(c, seed=seed) for c in protocols.configs("quick", data, home)]
    lab = labs.create(home, "quick", configs)
    started = time.perf_counter()
    command = [sys.executable, "-m", "resnet_demo", "lab", "degradation", "--json"]
    command += ["--home", str(home.path), "--lab", lab.lab]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=True)
    seconds = round(time.perf_counter() - started)
    return json.loads(done.stdout.splitlines()[-1]) | {"seconds": seconds}
