"""A finished run's report, and the pictures behind its numbers."""

import json
from pathlib import Path

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.dataset import Split
from resnet_demo.data.sources import open_here
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.runs.shipped import readable_folder
from resnet_demo.runs.store import Store
from resnet_demo.ui.access import check_shown, hides_names
from resnet_demo.ui.serving import thumbnail

SHOWN_PICTURES = 24
THUMBNAIL_PX = 112


def numbers(home: Home, run: str, owner: bool = False) -> Json:
    """report.json; raises UserError before the run has finished. On a public page a folder's files
    have no names but for its owner."""
    folder = readable_folder(home, run)
    report = read(folder.report)
    with Store(folder) as store:
        private = hides_names(store.config.data, owner)
    if private:
        report["worst"] = [row | {"name": ""} for row in report.get("worst", [])]
    return report


def read(path: Path) -> dict:
    if not path.is_file():
        raise UserError("The final report comes when the run has finished.")
    try:
        report = json.loads(path.read_text())
    except ValueError:
        report = None
    if not isinstance(report, dict):
        raise UserError(f"{path.name} of this run is damaged. Measure again with `evaluate`.")
    return report


def confused(home: Home, run: str, label: int, called: int, owner: bool = False) -> Json:
    """Validation pictures of class `label` that were given the name `called`, surest first."""
    predictions = read(readable_folder(home, run).predictions)
    pairs = zip(predictions["labels"], predictions["called"])
    indices = [index for index, pair in enumerate(pairs) if pair == (label, called)]
    indices.sort(key=lambda index: -predictions["probability"][index])
    return shown(home, run, predictions, indices, owner)


def worst(home: Home, run: str, owner: bool = False) -> Json:
    """The most confident mistakes."""
    predictions = read(readable_folder(home, run).predictions)
    indices = [row["picture"] for row in numbers(home, run).get("worst", [])]
    return shown(home, run, predictions, indices, owner)


def shown(home: Home, run: str, predictions: dict, indices: list[int], owner: bool) -> Json:
    """{pictures: [{src, name, label, called, probability}], count}: the first SHOWN_PICTURES."""
    with Store(readable_folder(home, run)) as store:
        config = store.config
    check_shown(config.data, owner)
    split = validation(home, config)
    places = {name: place for place, name in enumerate(split.names)}
    rows = []
    for index in indices[:SHOWN_PICTURES]:
        row = {name: predictions[name][index] for name in ("labels", "called", "probability")}
        name = predictions["names"][index]
        rows.append({"name": name, "src": picture(split, places.get(name)), **row})
    return {"pictures": rows, "count": len(indices)}


def validation(home: Home, config: TrainConfig) -> Split:
    """Where those that a run was validated on are found by their names. Raises UserError when they
    are not here any more."""
    pictures = open_here(config.data, home)
    if pictures is None:
        raise UserError(f"The pictures of {config.data} are not on this machine any more.")
    return pictures.train if config.val_from_train else pictures.val


def picture(split: Split, place: int | None) -> str | None:
    """A data URL; None for a picture that was removed or changed since."""
    try:
        return None if place is None else thumbnail(lambda: split.read(place), THUMBNAIL_PX)
    except UserError:
        return None
