"""Six names for notebooks and scripts. Runs lie in RESNET_DEMO_HOME, else in ./.resnet_demo, where
the page and the command line find them too; MODEL and DATA are their words.

    >>> from resnet_demo import accuracy, inspect, load, predict, save, train
    >>> model = train(data="shapes", arch="resnet20", px=32, epochs=2, num_train=1000, num_val=200)
    >>> model
    'run:0001'
"""

import time
from collections.abc import Generator
from functools import cache, partial
from pathlib import Path

import numpy as np
from PIL import Image

from resnet_demo import device
from resnet_demo.classify.prediction import TOP, classify
from resnet_demo.classify.predictor import Predictors
from resnet_demo.cli.progress import ProgressBars
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.evaluate.evaluation import evaluate
from resnet_demo.export.formats import Exported, export
from resnet_demo.files import Json
from resnet_demo.images.decode import pixels_of
from resnet_demo.images.decoder import Decoders
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.probe import inspection
from resnet_demo.probe.inspection import Inspection
from resnet_demo.progress import Progress
from resnet_demo.runs import control
from resnet_demo.runs.snapshot import UNDER_WAY

POLL_SECONDS = 0.2
Picture = str | Path | Image.Image | np.ndarray  # a file, or RGB pixels (H, W, 3) as uint8


def train(preset: str = "", **settings: str | int | float | bool) -> str:
    """Train a network in a process of its own, wait for its end, and return its MODEL.

    preset: minute, coffee or lunch. settings: the options of `python -m resnet_demo train --help`,
    which override it. An interrupted cell does not end the run: it goes on, as on the page.
    Raises UserError for settings or pictures that cannot be trained on, and when the run fails.

    >>> train("minute", data="shapes", epochs=1, px=32, num_train=64, num_val=20)
    'run:0002'
    """
    home = Home.find()
    run = control.start(home, control.config_of(home, settings, preset))
    with ProgressBars() as bars:
        bars.follow(until_ended(home, run))
    row = control.read_run(home, run)
    if row.state != "finished":
        raise UserError(f"Run {run} {row.state}. {row.message}".strip())
    return f"run:{run}"


def until_ended(home: Home, run: str) -> Generator[Progress, None, None]:
    """How far the run is, until it is no longer at work."""
    while (row := control.read_run(home, run)).state in UNDER_WAY:
        yield "Training", row.step, row.steps
        time.sleep(POLL_SECONDS)


def load(model: str) -> Network:
    """The network of a MODEL: `.model` is the torch module (normalised float32 (B, 3, px, px) to
    logits (B, classes)), `.classes` its names. Raises UserError when there is none.

    >>> network = load("run:0001")
    >>> len(network.classes), network.px
    (10, 32)
    """
    return reference.ready(model, Home.find())


def predict(model: str, *pictures: Picture, top: int = TOP) -> list[Json]:
    """What a network sees in pictures: {path, ms, top: [{class, index, probability}], unlike} of
    each, or {path, error} for one that cannot be read.

    >>> answer, = predict("bundled", Image.new("RGB", (320, 240), "red"), top=2)
    >>> len(answer["top"])
    2
    """
    predictor = predictors(Home.find()).get(model)
    named = [(name_of(picture), partial(pixels, picture)) for picture in pictures]
    return list(classify(predictor, named, top))


def name_of(picture: Picture) -> str:
    return str(picture) if isinstance(picture, str | Path) else ""


@cache
def predictors(home: Home) -> Predictors:
    return Predictors(home, device.prepare())


def pixels(picture: Picture) -> np.ndarray:
    """RGB, uint8 (H, W, 3). Files are decoded in a process of their own.

    Raises UserError for what is no picture.
    """
    if isinstance(picture, str | Path):
        return decoders().decode(Path(picture))
    if isinstance(picture, Image.Image):
        return pixels_of(picture)
    if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        raise UserError(
            f"A picture is uint8 of shape (height, width, 3). Got {picture.dtype} of "
            f"{picture.shape}."
        )
    return picture


@cache
def decoders() -> Decoders:
    return Decoders()


def accuracy(model: str, data: str = "imagenette", split: str = "val") -> Json:
    """Of a network on validation pictures: {top1, top1_ci95, per_class, confusion, ece, ...}, in
    percent. Raises UserError when the network does not know the pictures' classes.

    >>> answer = accuracy("run:0001", "shapes")
    >>> answer["n"], answer["top1"] > 10  # of drawn pictures
    (2000, True)
    """
    home = Home.find()
    home.make()
    with ProgressBars() as bars:
        return bars.follow(evaluate(model, data, home, split))


def inspect(model: str, picture: Picture, target: str | int | None = None) -> Inspection:
    """What a picture does in a network, block by block: `.record` in numbers, `.maps` (C, h, w) and
    `.cams` (h, w) by block. target: the class that gradients are of; the most probable one when
    not given. Raises UserError for a class that the network does not know.

    >>> looked = inspect("bundled", np.zeros((64, 64, 3), np.uint8))
    >>> looked.maps["layer4.1"].shape
    (512, 4, 4)
    """
    predictor = predictors(Home.find()).get(model)
    return inspection.inspect(predictor.network, pixels(picture), target, predictor.logits)


def save(model: str, path: str | Path, format: str = "safetensors") -> Exported:
    """Write a network to a file (safetensors, onnx) or a folder (timm); it is opened again and
    compared before it is there. Raises UserError when `path` exists.

    >>> saved = save("run:0001", "shapes.safetensors")
    >>> saved.max_difference
    0.0
    """
    return export(reference.load(model, Home.find()), model, format, Path(path))
