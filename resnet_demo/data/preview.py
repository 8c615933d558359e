"""Some pictures of each class as the network will see them, before anything is trained."""

from collections.abc import Iterator

import numpy as np

from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.pixel_cache import CROP_MARGIN, Pixels
from resnet_demo.errors import UserError
from resnet_demo.images.decode import square


def preview(
    pictures: Pictures, px: int, min_crop: float, per_class: int, most_classes: int
) -> Iterator[tuple[str, list[np.ndarray]]]:
    """(class name, augmented training pictures: uint8 (px, px, 3)) of the first classes."""
    from resnet_demo.data.augment import train_batch

    for label, name in list(enumerate(pictures.classes))[:most_classes]:
        same = [index for index, given in enumerate(pictures.train.labels) if given == label]
        tiles = first_readable(pictures.train, name, same, per_class, round(px * CROP_MARGIN))
        labels = np.full(len(tiles), label)
        pixels = Pixels(np.stack(tiles), labels, ("",) * len(tiles), ())
        images, _ = train_batch(pixels, np.arange(len(tiles)), px, min_crop, (0, 0, label))
        yield name, [image.permute(1, 2, 0).numpy() for image in images]


def first_readable(
    split: Split, name: str, same: list[int], count: int, px: int
) -> list[np.ndarray]:
    """same: the pictures of that class. Raises UserError when none of the first can be read."""
    readable: list[np.ndarray] = []
    reason = ""
    for index in same[: 5 * count]:
        try:
            readable.append(square(split.read(index), px))
        except UserError as error:
            reason = str(error)
        if len(readable) == count:
            break
    if not readable:
        raise UserError(f"No picture of class {name} can be read: {reason}")
    return readable
