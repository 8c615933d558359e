"""DATA names -> pictures: `imagenette`, `cifar10`, `folder:PATH`, `shapes`.

Opening a source lists what there is and reads no picture; `data.pixels` decodes.
"""

import hashlib
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from resnet_demo.config import Home, Progress, TrainConfig, UserError, check_data_name
from resnet_demo.images.decode import decode

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}

# WordNet id -> the name people know (github.com/fastai/imagenette).
IMAGENETTE_CLASSES = {
    "n01440764": "tench",
    "n02102040": "English springer",
    "n02979186": "cassette player",
    "n03000684": "chain saw",
    "n03028079": "church",
    "n03394916": "French horn",
    "n03417042": "garbage truck",
    "n03425413": "gas pump",
    "n03445777": "golf ball",
    "n03888257": "parachute",
}

# (classes, pictures to train, pictures to validate) of what would have to be downloaded first
PUBLISHED = {"imagenette": (10, 9469, 3925), "cifar10": (10, 50_000, 10_000)}

# Where ImageNet-1k's 1000 outputs have them (sorted WordNet ids).
IMAGENETTE_INDEXES = dict(
    zip(IMAGENETTE_CLASSES.values(), (0, 217, 482, 491, 497, 566, 569, 571, 574, 701))
)


@dataclass(frozen=True)
class Split:
    """Some pictures with labels."""

    names: tuple[str, ...]  # one a picture, unique, as shown to people
    labels: tuple[int, ...]
    read: Callable[[int], np.ndarray]  # index -> RGB uint8 (H, W, 3); UserError when broken
    fingerprint: str  # changes when any picture changes

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Pictures:
    """A data source: class names in label order, and two splits."""

    classes: tuple[str, ...]
    train: Split
    val: Split
    note: str = ""  # what a person should know, e.g. how the split was made

    def some(self, num_train: int, num_val: int) -> "Pictures":
        """So many of each split; 0: all."""
        return replace(self, train=some(self.train, num_train), val=some(self.val, num_val))


def open_data(name: str, home: Home) -> Generator[Progress, None, Pictures]:
    """Yield the bytes of a download, if one is needed; return the Pictures.

    Raises UserError when the name is unknown or the pictures cannot be had.
    """
    check_data_name(name)
    kind, _, rest = name.partition(":")
    if kind == "folder":
        return folder(Path(rest).expanduser())
    if kind == "shapes":
        from resnet_demo.data.shapes import shapes

        return shapes()
    from resnet_demo.data.download import cifar10, imagenette_folder

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


def count(config: TrainConfig, home: Home) -> tuple[int, int, int]:
    """Classes and pictures that a run would use; nothing is downloaded for it."""
    classes, train, val = PUBLISHED.get(config.data.partition(":")[0]) or sizes(config.data, home)
    return classes, min(train, config.num_train or train), min(val, config.num_val or val)


def sizes(data: str, home: Home) -> tuple[int, int, int]:
    pictures = open_here(data, home)
    return len(pictures.classes), len(pictures.train), len(pictures.val)


def folder(root: Path) -> Pictures:
    """PATH/train/CLASS/* with PATH/val/CLASS/*; without `val`, 80/20 by a hash of the name."""
    if not root.is_dir():
        raise UserError(f"There is no folder {root}. Give the folder that holds train/ and val/.")
    train_dir = root / "train" if (root / "train").is_dir() else root
    val_dir = root / "val"
    classes = class_folders(train_dir)
    train = list(pictures_below(train_dir, classes))
    if val_dir.is_dir() and train_dir != root:
        val, note = list(pictures_below(val_dir, classes)), ""
        check_same_classes(classes, class_folders(val_dir), val_dir)
    else:
        train, val = split_by_name(train, train_dir)
        note = (
            f"{root.name} has no val folder, so one picture in five is kept for validation, "
            f"chosen by a hash of its name: {len(train)} to train, {len(val)} to validate."
        )
        val_dir = train_dir
    for which, items in (("train", train), ("val", val)):
        check_no_class_is_empty(classes, items, train_dir if which == "train" else val_dir)
    shown = tuple(IMAGENETTE_CLASSES.get(name, name) for name in classes)
    return Pictures(shown, file_split(train, train_dir), file_split(val, val_dir), note)


def class_folders(root: Path) -> list[str]:
    names = sorted(p.name for p in root.iterdir() if p.is_dir() and not p.name.startswith("."))
    if len(names) < 2:
        raise UserError(
            f"{root} holds {len(names)} class folders; at least 2 are needed, "
            f"each with the pictures of one class."
        )
    return names


def pictures_below(root: Path, classes: list[str]) -> Iterator[tuple[Path, int]]:
    """(file, label), sorted by path so that every machine agrees on the order."""
    for label, name in enumerate(classes):
        for path in sorted((root / name).rglob("*")):
            if path.suffix.lower() in SUFFIXES and path.is_file():
                yield path, label


def split_by_name(
    items: list[tuple[Path, int]], root: Path
) -> tuple[list[tuple[Path, int]], list[tuple[Path, int]]]:
    def in_val(path: Path) -> bool:
        name = path.relative_to(root).as_posix()
        return hashlib.sha256(name.encode()).digest()[0] < 256 // 5

    return [i for i in items if not in_val(i[0])], [i for i in items if in_val(i[0])]


def check_same_classes(train: list[str], val: list[str], val_dir: Path) -> None:
    if train != val:
        odd = ", ".join(sorted(set(train) ^ set(val))[:3])
        raise UserError(
            f"train and {val_dir} name different classes ({odd}). Give both the same class folders."
        )


def check_no_class_is_empty(classes: list[str], items: list[tuple[Path, int]], root: Path) -> None:
    empty = [name for label, name in enumerate(classes) if all(i[1] != label for i in items)]
    if empty:
        raise UserError(
            f"No picture for class {', '.join(empty[:3])} in {root}. "
            f"Add some ({', '.join(sorted(SUFFIXES))}) or remove the empty folder."
        )


def some(split: Split, n: int) -> Split:
    """`n` pictures, drawn once and for all: the same ones for every run and seed."""
    if not 0 < n < len(split):
        return split
    kept = np.sort(np.random.default_rng(n).permutation(len(split))[:n]).tolist()
    return Split(
        names=tuple(split.names[index] for index in kept),
        labels=tuple(split.labels[index] for index in kept),
        read=lambda index: split.read(kept[index]),
        fingerprint=f"{split.fingerprint} {n}",
    )


def file_split(items: list[tuple[Path, int]], root: Path) -> Split:
    """The fingerprint covers relative paths, sizes and modification times."""
    digest = hashlib.sha256()
    for path, _ in items:
        stat = path.stat()
        line = f"{path.relative_to(root).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(line.encode(errors="surrogateescape"))
    paths = tuple(path for path, _ in items)
    return Split(
        names=tuple(path.relative_to(root).as_posix() for path in paths),
        labels=tuple(label for _, label in items),
        read=partial(read_file, paths),
        fingerprint=digest.hexdigest(),
    )


def read_file(paths: tuple[Path, ...], index: int) -> np.ndarray:
    try:
        return decode(paths[index].read_bytes())
    except OSError as error:
        raise UserError(f"Cannot read {paths[index].name} ({error.strerror}).") from error


def array_split(pixels: np.ndarray, labels: np.ndarray, stem: str, fingerprint: str) -> Split:
    """Pictures that already lie in memory: uint8 (N, H, W, 3)."""
    return Split(
        names=tuple(f"{stem}/{index:05d}" for index in range(len(labels))),
        labels=tuple(int(label) for label in labels),
        read=pixels.__getitem__,
        fingerprint=fingerprint,
    )
