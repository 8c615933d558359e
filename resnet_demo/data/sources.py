"""DATA names -> pictures: `imagenette`, `cifar10`, `folder:PATH`, `shapes`.

Opening a source lists what there is and reads no picture; `data.pixels` decodes.
"""

from collections.abc import Generator
from dataclasses import replace

from resnet_demo.config import Home, TrainConfig, check_data_name
from resnet_demo.data.dataset import Pictures
from resnet_demo.data.download import cifar10, imagenette_folder
from resnet_demo.data.folder import folder, folder_path
from resnet_demo.data.shapes import shapes
from resnet_demo.progress import Progress

# (classes, pictures to train, pictures to validate) of what would have to be downloaded first
PUBLISHED = {"imagenette": (10, 9469, 3925), "cifar10": (10, 50_000, 10_000)}


def open_data(name: str, home: Home) -> Generator[Progress, None, Pictures]:
    """Yield the bytes of a download, if one is needed; return the Pictures.

    Raises UserError when the name is unknown or the pictures cannot be had.
    """
    check_data_name(name)
    kind, _, rest = name.partition(":")
    if kind == "folder":
        return folder(folder_path(rest))
    if kind == "shapes":
        return shapes()
    if kind == "cifar10":
        return (yield from cifar10(home))
    return folder((yield from imagenette_folder(rest, home)))


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
    """The same with the folder's path made absolute, so that it holds wherever a run is resumed.

    Raises UserError for a folder that cannot be trained on; what would be downloaded is not looked
    at.
    """
    kind, _, rest = config.data.partition(":")
    if kind != "folder":
        return config
    folder(folder_path(rest))
    return replace(config, data=f"folder:{folder_path(rest)}")


def count(config: TrainConfig, home: Home) -> tuple[int, int, int]:
    """Classes and pictures that a run would use; nothing is downloaded for it."""
    classes, train, val = PUBLISHED.get(config.data.partition(":")[0]) or sizes(config.data, home)
    return classes, min(train, config.num_train or train), min(val, config.num_val or val)


def sizes(data: str, home: Home) -> tuple[int, int, int]:
    pictures = open_here(data, home)
    return len(pictures.classes), len(pictures.train), len(pictures.val)
