"""Inspect: seconds to the first and last of one picture's views; experiments on resnet56; lesion;
initialisation."""

import time
from pathlib import Path
from statistics import median

import numpy as np
from PIL import Image

from resnet_demo import device
from resnet_demo.config import Home
from resnet_demo.evaluate.lesion import lesion
from resnet_demo.lab import initialisation
from resnet_demo.models import reference
from resnet_demo.progress import finish
from resnet_demo.ui.inspect import experiments
from resnet_demo.ui.inspect.panel import Inspector
from resnet_demo.ui.requests import InspectRequest
from resnet_demo.ui.serving import Classifier

PICTURES, PICTURE_SIDE = 9, 500
MODELS = ("scratch:resnet18", "scratch:resnet50")  # 224 px
DEEP, MOVES = "bundled:resnet56", 9
LESION_MODEL, LESION_PICTURES = "bundled", 500  # resnet18d that sees 128 px


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    views = {model: seconds_of_views(home, place, model) for model in MODELS}
    device.prepare()  # as the command line: all cores
    started = time.perf_counter()
    network = reference.ready(LESION_MODEL, home)
    cut = finish(lesion(network, LESION_MODEL, data, home, LESION_PICTURES))
    middle = time.perf_counter()
    finish(initialisation.run(data, home))
    return {
        "views_p50_s": views,
        "experiments_p50_s": seconds_of_experiments(home, place),
        "lesion": {"model": LESION_MODEL, "n": cut["n"], "seconds": round(middle - started, 1)},
        "initialisation_s": round(time.perf_counter() - middle, 1),
    }


def seconds_of_experiments(home: Home, place: Path) -> dict[str, float]:
    """What a person moves and waits for, on a deep network."""
    inspector = Inspector(home, Classifier(home))
    request = InspectRequest(picture=inspector.put(drawn(place, 0)), model=DEEP, block="layer2.3")
    inspector.look(request)
    seconds: dict[str, list[float]] = {}
    for move in range(MOVES + 1):
        moved = request.model_copy(update={"a": move / MOVES})
        for experiment in (experiments.dim, experiments.paths, experiments.early, experiments.code):
            started = time.perf_counter()
            experiment(inspector, moved)
            seconds.setdefault(experiment.__name__, []).append(time.perf_counter() - started)
    return {name: round(median(taken[1:]), 3) for name, taken in seconds.items()}


def drawn(place: Path, index: int) -> Path:
    path = place / f"{index}.jpg"
    noise = np.random.default_rng(index).integers(0, 255, (20, 20, 3), np.uint8)
    picture = Image.fromarray(noise).resize((PICTURE_SIDE, PICTURE_SIDE), Image.Resampling.BICUBIC)
    picture.save(path)
    return path


def seconds_of_views(home: Home, place: Path, model: str) -> dict[str, float]:
    """As the page answers: one thread, pictures drawn and encoded."""
    inspector = Inspector(home, Classifier(home))
    firsts, lasts = [], []
    for index in range(PICTURES):
        path = drawn(place, index)
        started = time.perf_counter()
        request = InspectRequest(
            picture=inspector.put(path), model=model, block="layer3.0", channel=0
        )
        inspector.look(request)
        firsts.append(time.perf_counter() - started)
        for view in (inspector.block, inspector.channel, inspector.deeper):
            view(request)
        inspector.cut(request.model_copy(update={"off": ["layer2.1"]}))
        lasts.append(time.perf_counter() - started)
    return {"first": round(median(firsts[1:]), 3), "last": round(median(lasts[1:]), 3)}
