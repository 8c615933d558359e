"""DATA names -> pictures: `imagenette`, `cifar10`, `shapes`, `folder:PATH`, `dataset:NAME`,
`hub:USER/NAME`.

Opening a source lists what there is and reads no picture; `data.pixel_cache` decodes.
"""

from collections import Counter
from collections.abc import Callable, Generator
from dataclasses import replace

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.dataset import Pictures, check_some_are_left
from resnet_demo.data.download import cifar10, imagenette_folder, is_downloaded
from resnet_demo.data.folder import folder, folder_path
from resnet_demo.data.hub_pictures import HubData, folder_here, hub_folder, pinned
from resnet_demo.data.library import Library
from resnet_demo.data.shapes import shapes
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress
from resnet_demo.refs import DOWNLOADS, HUB, DataRef


def open_data(name: str, home: Home) -> Generator[Progress, None, Pictures]:
    """Yield the bytes of a download, if one is needed; return the Pictures.

    Raises UserError when the name is unknown or the pictures cannot be had.
    """
    data = DataRef.parse(name)
    return (yield from SOURCES[data.kind](data, home))


Opening = Generator[Progress, None, Pictures]  # yields the bytes of a download, if one is needed


def open_folder(data: DataRef, home: Home) -> Opening:
    yield from ()
    return folder(folder_path(data.rest))


def open_dataset(data: DataRef, home: Home) -> Opening:
    yield from ()
    return Library(home, data.rest).pictures()


def open_shapes(data: DataRef, home: Home) -> Opening:
    yield from ()
    return shapes()


def open_cifar10(data: DataRef, home: Home) -> Opening:
    return (yield from cifar10(home))


def open_imagenette(data: DataRef, home: Home) -> Opening:
    return folder((yield from imagenette_folder(data.rest, home)))


def open_hub(data: DataRef, home: Home) -> Opening:
    return folder((yield from hub_folder(HubData.parse(data.rest), home)))


SOURCES: dict[str, Callable[[DataRef, Home], Opening]] = {  # by the kind that DATA names
    "imagenette": open_imagenette,
    "cifar10": open_cifar10,
    "shapes": open_shapes,
    "folder": open_folder,
    "dataset": open_dataset,
    "hub": open_hub,
}


def is_here(name: str, home: Home) -> bool:
    """Whether it would be opened without a download. Raises UserError for what names none."""
    data = DataRef.parse(name)
    if data.kind == HUB:
        return folder_here(HubData.parse(data.rest), home) is not None
    return not data.is_downloaded or is_downloaded(name, home)


def open_here(name: str, home: Home) -> Pictures | None:
    """As `open_data`; None for what would have to be downloaded first."""
    work = open_data(name, home)
    try:
        next(work)
    except StopIteration as end:
        return end.value
    work.close()
    return None


def checked(config: TrainConfig, home: Home) -> TrainConfig:
    """The same with a folder's path made absolute, or the revision of the Hub's data set said, so
    that it holds wherever and whenever a run is resumed.

    Raises UserError for own pictures that cannot be trained on; what would be downloaded is not
    looked at.
    """
    data = DataRef.parse(config.data)
    if data.kind == HUB:
        return replace(config, data=str(pinned(HubData.parse(data.rest), home)))
    if not data.is_folder:
        if data.is_own:
            open_here(config.data, home)
        return config
    place = folder_path(data.rest)
    folder(place)
    return replace(config, data=f"folder:{place}")


def count(config: TrainConfig, home: Home) -> tuple[int, int, int]:
    """Classes and pictures that a run would use; nothing is downloaded for it. Raises UserError
    where none are left to train on, or own pictures cannot be trained on."""
    classes, train, val = DOWNLOADS.get(config.data) or sizes(config.data, home)
    if config.val_from_train:
        check_some_are_left(config.val_from_train, train)
        train, val = train - config.val_from_train, config.val_from_train
    return classes, min(train, config.num_train or train), min(val, config.num_val or val)


def explained(data: str, home: Home) -> Json:
    """What a source holds: {data, classes: [{name, n}], train, val, note}. Raises UserError when it
    is not here, or cannot be trained on."""
    pictures = open_here(data, home)
    if pictures is None:
        raise not_here(data)
    counts = Counter(pictures.train.labels) + Counter(pictures.val.labels)
    rows = [{"name": name, "n": counts[label]} for label, name in enumerate(pictures.classes)]
    sides = {"train": len(pictures.train), "val": len(pictures.val)}
    return {"data": data, "classes": rows, **sides, "note": pictures.note}


def sizes(data: str, home: Home) -> tuple[int, int, int]:
    pictures = open_here(data, home)
    if pictures is None:
        raise not_here(data)
    return len(pictures.classes), len(pictures.train), len(pictures.val)


def not_here(data: str) -> UserError:
    return UserError(f"{data} is not here yet: its pictures have to be downloaded first.")
