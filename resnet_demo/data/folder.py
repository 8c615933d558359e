"""Folders as people have them -> Pictures, with a note that says what was found and left out.

PATH/train/CLASS/*   PATH/val/CLASS/*      # or the usual other names of the two
PATH/CLASS/*                               # one picture in five of each class is kept apart
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import numpy as np

from resnet_demo.data.dataset import Pictures, Split
from resnet_demo.data.imagenette import IMAGENETTE_CLASSES
from resnet_demo.data.split import check_enough, kept_apart, place_of
from resnet_demo.errors import UserError, amount
from resnet_demo.files import printable
from resnet_demo.images.decode import decode

SUFFIXES = {
    ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff",
    ".avif", ".heic", ".heif",
}  # fmt: skip
# What folders are called in any case of letters, the first that is there counts.
TRAIN_NAMES = ("train", "training")
VAL_NAMES = ("val", "valid", "validation", "test", "testing")
JUNK = {"__macosx", "@eadir", "thumbs.db", "desktop.ini", "lost+found", "$recycle.bin"}
WANTED = "Give one that holds train/ and val/, or a folder of pictures for each class."
UNEQUAL = 10  # times as many pictures in the largest class as in the smallest
Item = tuple[Path, int]  # file, label


@dataclass
class LeftOut:
    """What lies in the folder and is no picture, by its suffix."""

    suffixes: Counter[str] = field(default_factory=Counter)

    def sentence(self) -> str:
        count = sum(self.suffixes.values())
        kinds = ", ".join(sorted(self.suffixes)[:4])
        return f"Left out as no pictures: {amount(count, 'file')} ({kinds})." if count else ""


def folder_path(text: str) -> Path:
    """As people paste it: with blanks or quotes around it, from home, relative to where they are.

    Raises UserError when nothing is left.
    """
    bare = text.strip().strip("'\"").strip().removeprefix("file://")
    if not bare:
        raise UserError("folder: needs a path, as in folder:my/pictures.")
    return Path(bare).expanduser().absolute()


@dataclass
class Listing:
    """What a folder holds, before anybody asks whether that is enough to train on."""

    root: Path  # inside of wrappers
    train_dir: Path
    val_dir: Path | None  # None: nobody said what to validate on
    classes: list[str]
    train: list[Item]
    val: list[Item]
    left_out: LeftOut
    notes: list[str]


def listing(root: Path) -> Listing:
    """Raises UserError for what is no folder, or may not be read."""
    check_is_folder(root)
    root = unwrapped(root)
    train_dir, val_dir, notes = splits_of(root)
    left_out = LeftOut()
    classes = [path.name for path in folders_in(train_dir)]
    val: list[Item] = []
    if val_dir:
        check_same_classes(classes, [path.name for path in folders_in(val_dir)], val_dir)
        val = list(pictures_below(val_dir, classes, left_out))
    train = list(pictures_below(train_dir, classes, left_out))
    notes += beside_classes(train_dir) if classes else []
    return Listing(root, train_dir, val_dir, classes, train, val, left_out, notes)


def folder(root: Path) -> Pictures:
    """Raises UserError, before any picture is read, for a folder that cannot be trained on."""
    listed = listing(root)
    check_two_classes(listed.classes, listed.train_dir)
    if listed.val_dir is None:
        divide(listed)
    val_dir = listed.val_dir or listed.train_dir
    for items, place in ((listed.train, listed.train_dir), (listed.val, val_dir)):
        check_no_class_is_empty(listed.classes, items, place)
    shown = tuple(IMAGENETTE_CLASSES.get(name, printable(name)) for name in listed.classes)
    unequal = unequal_sentence(shown, [label for _, label in listed.train])
    note = " ".join(filter(None, [*listed.notes, unequal, listed.left_out.sentence()]))
    train, val = file_split(listed.train, listed.train_dir), file_split(listed.val, val_dir)
    return Pictures(shown, train, val, note, kept_apart=listed.val_dir is None)


def divide(listed: Listing) -> None:
    """Keep some of each class apart, and say so."""
    items, labels = listed.train, [label for _, label in listed.train]
    check_enough(listed.classes, labels, listed.train_dir)
    places = [name_place(path.relative_to(listed.train_dir)) for path, _ in items]
    apart = kept_apart(places, labels)
    listed.train = [item for item, kept in zip(items, apart) if not kept]
    listed.val = [item for item, kept in zip(items, apart) if kept]
    listed.notes.append(
        f"{listed.root.name} has no val folder, so one picture in five of each class is kept for "
        f"validation, chosen by a hash of its name: {len(listed.train)} to train, "
        f"{len(listed.val)} to validate."
    )


def name_place(name: Path) -> float:
    return place_of(hashlib.sha256(os.fsencode(name.as_posix())).digest())


# --- which folder is what ------------------------------------------------------------------------


def check_is_folder(root: Path) -> None:
    if root.is_file():
        raise UserError(f"{root} is a file. {WANTED}")
    if not root.is_dir():
        raise UserError(f"There is no folder {root}. {WANTED}")


def is_junk(name: str) -> bool:
    """Hidden, or left by a system: copies of pictures there would leak over the split."""
    return name.startswith(".") or name.lower() in JUNK


def folders_in(root: Path) -> list[Path]:
    """Raises UserError for a folder that may not be read."""
    try:
        return sorted(path for path in root.iterdir() if path.is_dir() and not is_junk(path.name))
    except OSError as error:
        raise UserError(
            f"The folder {root} cannot be read ({error.strerror}). Allow it, or give another."
        ) from None


def unwrapped(root: Path) -> Path:
    """Inside of folders that hold nothing but one folder, as archives make them."""
    inside = folders_in(root)
    if len(inside) == 1 and not pictures_in(root) and not is_split_name(inside[0].name):
        return unwrapped(inside[0]) if folders_in(inside[0]) else root
    return root


def pictures_in(root: Path) -> int:
    """How many lie in it, and in no folder of its."""
    files = (path for path in root.iterdir() if path.is_file() and not is_junk(path.name))
    return sum(path.suffix.lower() in SUFFIXES for path in files)


def beside_classes(root: Path) -> list[str]:
    """What to say of pictures in no class's folder."""
    count = pictures_in(root)
    return [f"Left out, as in no class's folder: {amount(count, 'picture')}."] if count else []


def is_split_name(name: str) -> bool:
    return name.lower() in (*TRAIN_NAMES, *VAL_NAMES)


def splits_of(root: Path) -> tuple[Path, Path | None, list[str]]:
    """Where to train, where to validate (None: nowhere yet), and what to say of it."""
    by_name = {path.name.lower(): path for path in folders_in(root)}
    train = next((by_name[name] for name in TRAIN_NAMES if name in by_name), None)
    if train is None:
        check_no_split_is_a_class(root, by_name)
        return root, None, []
    val = next((by_name[name] for name in VAL_NAMES if name in by_name), None)
    notes = [f"Validated on the folder {val.name}."] if val and val.name != "val" else []
    others = [path.name for path in by_name.values() if path not in (train, val)]
    if others:
        notes.append(f"Left alone beside {train.name}: {', '.join(others[:5])}.")
    return train, val, notes


def check_no_split_is_a_class(root: Path, by_name: dict[str, Path]) -> None:
    """Folders named like splits hold classes, and are none themselves."""
    if by_name and all(map(is_split_name, by_name)):
        have = ", ".join(path.name for path in by_name.values())
        raise UserError(
            f"{root} holds {have}, and none of them is called train. Rename the folder to train on."
        )


def check_two_classes(names: list[str], root: Path) -> None:
    if len(names) < 2:
        raise UserError(
            f"{root} holds {len(names)} class folders; at least 2 are needed, "
            f"each with the pictures of one class.{deeper_advice(root)}"
        )


def deeper_advice(root: Path) -> str:
    """When the folder given lies inside the one that was meant."""
    if pictures_in(root) and len(folders_in(root.parent)) > 1:
        return f" {root.name} looks like one class: give the folder that holds it, {root.parent}."
    return ""


# --- what is in them -----------------------------------------------------------------------------


def pictures_below(root: Path, classes: list[str], left_out: LeftOut) -> Iterator[Item]:
    """(file, label), sorted by path so that every machine agrees on the order."""
    for label, name in enumerate(classes):
        for path in sorted(files_below(root / name, frozenset())):
            if path.suffix.lower() in SUFFIXES:
                yield path, label
            else:
                left_out.suffixes[path.suffix.lower() or "no suffix"] += 1


def files_below(root: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Links are followed, but not in circles."""
    real = root.resolve()
    if real in above:
        return
    try:
        inside = [path for path in root.iterdir() if not is_junk(path.name)]
    except OSError as error:
        raise UserError(
            f"The folder {root} cannot be read ({error.strerror}). Allow it, or remove it."
        ) from None
    for path in inside:
        if path.is_dir():
            yield from files_below(path, above | {real})
        elif path.is_file():
            yield path


def check_same_classes(train: list[str], val: list[str], val_dir: Path) -> None:
    if train != val:
        odd = ", ".join(sorted(set(train) ^ set(val))[:3])
        raise UserError(
            f"train and {val_dir} name different classes ({odd}). Give both the same class folders."
        )


def check_no_class_is_empty(classes: list[str], items: list[Item], root: Path) -> None:
    counts = Counter(label for _, label in items)
    empty = [name for label, name in enumerate(classes) if not counts[label]]
    if empty:
        raise UserError(
            f"No picture for class {', '.join(empty[:3])} in {root}. "
            f"Add some ({', '.join(sorted(SUFFIXES))}) or remove the empty folder."
        )


def unequal_sentence(classes: tuple[str, ...], labels: Iterable[int]) -> str:
    counts = Counter(labels)
    (most, many), (least, few) = counts.most_common(1)[0], counts.most_common()[-1]
    if many < UNEQUAL * few:
        return ""
    return (
        f"Unequal classes: {many} pictures of {classes[most]}, {few} of {classes[least]}. Look at "
        f"the accuracy of each class; that of all hides the small ones. If they are to count "
        f"alike: --balance loss or sampling (Unequal classes, under Every setting)."
    )


# --- reading -------------------------------------------------------------------------------------


def file_split(items: list[tuple[Path, int]], root: Path) -> Split:
    """The fingerprint covers relative paths, sizes and modification times."""
    digest = hashlib.sha256()
    for path, _ in items:
        stat = path.stat()
        line = f"{path.relative_to(root).as_posix()}\0{stat.st_size}\0{stat.st_mtime_ns}\n"
        digest.update(os.fsencode(line))
    paths = tuple(path for path, _ in items)
    return Split(
        names=tuple(printable(path.relative_to(root).as_posix()) for path in paths),
        labels=tuple(label for _, label in items),
        read=partial(read_file, paths),
        fingerprint=digest.hexdigest(),
    )


def read_file(paths: tuple[Path, ...], index: int) -> np.ndarray:
    try:
        return decode(paths[index].read_bytes())
    except OSError as error:
        raise UserError(f"Cannot read {printable(paths[index].name)} ({error.strerror}).") from None
