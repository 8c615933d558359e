"""Trainers in turns: ours, timm's, torchvision's, fastai's and the article's, on the same pictures.

Speed first: a process for each in turn, so that a slow minute of the machine is shared. Then
accuracy after equal epochs; what is there already is not run again: call it until nothing is
missing. fastai is left out where it is not installed (bench/requirements-peers.txt).
"""

import importlib.util
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median

from resnet_demo.device import describe_machine
from resnet_demo.files import Json, read_json
from resnet_demo.refs import DataRef

ROUNDS, STEPS, EPOCHS = 5, 20, 3
HOURS = 0.5  # after which no further training is begun
RESULTS = Path(__file__).parent / "results" / "peers.json"
PACKAGES = ("timm", "torchvision", "fastai")
PEERS = ("ours", "timm", "torchvision", "fastai", "article")


def measure(data: str, place: Path) -> Iterator[Json]:
    started, folder = time.monotonic(), str(Path(DataRef.parse(data).rest).resolve())
    before: Json = read_json(RESULTS) or {"images_per_s": {}, "top1": {}, "machine": {}}
    speeds, top1, machines = before["images_per_s"], before["top1"], before["machine"]
    names = [name for name in PEERS if name not in PACKAGES or importlib.util.find_spec(name)]
    if not speeds:
        speeds, machines["images_per_s"] = speeds_of(names, folder), describe_machine()
        yield told(names, speeds, top1, machines)
    for name in names:
        if name not in top1 and time.monotonic() - started < 3600 * HOURS:
            top1[name] = asked(name, folder, "--epochs", EPOCHS)["top1"]
            machines[name] = describe_machine()
            yield told(names, speeds, top1, machines)
    yield told(names, speeds, top1, machines)


def told(
    names: list[str],
    speeds: dict[str, list[float]],
    top1: dict[str, float],
    machines: dict[str, str],
) -> Json:
    return {
        "machine": machines,  # of the speeds, and of each one's accuracy
        "images_per_s": speeds,
        "ours_over": {name: over(speeds["ours"], rates) for name, rates in speeds.items()},
        "epochs": EPOCHS,
        "top1": top1,
        "left_out": sorted(set(PEERS) - set(names)),
    }


def speeds_of(names: list[str], folder: str) -> dict[str, list[float]]:
    """{trainer: pictures a second, a number a round}"""
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(ROUNDS):
        for name in names:
            rate = asked(name, folder, "--steps", STEPS)["images_per_s"]
            speeds[name].append(round(rate, 1))
    return speeds


def over(ours: list[float], theirs: list[float]) -> Json:
    ratios = sorted(a / b for a, b in zip(ours, theirs))
    return {"median": median(ratios), "low": ratios[0], "high": ratios[-1]}


def asked(name: str, folder: str, *words: object) -> Json:
    command = [sys.executable, "-W", "ignore", "-m", "bench._peer", name, folder, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])
