"""Where a picture's class is written: in its folder's name, in its own, or in a table.

labelled(root, "folders")       # cat/1.jpg, or train/cat/1.jpg
labelled(root, "prefix")        # cat_001.jpg, cat.1.jpg
labelled(root, "table")         # file,label in the one FILE.csv that lies below root
labelled(root, "labels.csv")    # in this one: below root, or anywhere
"""

import csv
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from resnet_demo.data.folder import SUFFIXES, LeftOut, check_is_folder, files_below, listing
from resnet_demo.data.imagenette import IMAGENETTE_CLASSES
from resnet_demo.errors import UserError
from resnet_demo.files import printable

FOLDERS, PREFIX, TABLE = "folders", "prefix", "table"
NUMBER = re.compile(r"[\s._-]*\(?\d+\)?$")  # the end of "cat_001", "cat.1", "cat (3)"
FILE_COLUMNS = ("file", "filename", "file_name", "image", "path", "id")
LABEL_COLUMNS = ("label", "class", "category", "species", "breed")
SPLITS = {"train": "train", "val": "val", "valid": "val", "validation": "val", "test": "val"}
MOST_TABLE_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Labelled:
    """A picture file with its class; split: train, val, or empty where nobody said."""

    path: Path
    label: str
    split: str = ""


@dataclass
class Reading:
    """What a folder holds once it is known where its labels are."""

    root: Path
    items: list[Labelled]
    left_out: LeftOut = field(default_factory=LeftOut)
    notes: list[str] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, reason


def labelled(root: Path, labels: str = FOLDERS) -> Reading:
    """Raises UserError for a folder that cannot be read, and for a table that is none."""
    check_is_folder(root)
    if labels == FOLDERS:
        return by_folder(root)
    if labels == PREFIX:
        return by_prefix(root)
    return by_table(root, only_table(root) if labels == TABLE else table_path(root, labels))


def by_folder(root: Path) -> Reading:
    listed = listing(root)
    train = "train" if listed.val_dir else ""
    names = [IMAGENETTE_CLASSES.get(name, printable(name)) for name in listed.classes]
    items = [Labelled(path, names[label], train) for path, label in listed.train]
    items += [Labelled(path, names[label], "val") for path, label in listed.val]
    return Reading(listed.root, items, listed.left_out, listed.notes)


def by_prefix(root: Path) -> Reading:
    reading = Reading(root, [])
    for path in pictures(root, reading.left_out):
        label = NUMBER.sub("", path.stem)
        if label and label != path.stem:
            reading.items.append(Labelled(path, printable(label)))
        else:
            reading.refused.append((printable(path.name), "no class and number, as in cat_001.jpg"))
    return reading


def pictures(root: Path, left_out: LeftOut) -> Iterator[Path]:
    for path in sorted(files_below(root, frozenset())):
        if path.suffix.lower() in SUFFIXES:
            yield path
        else:
            left_out.suffixes[path.suffix.lower() or "no suffix"] += 1


# --- a table -------------------------------------------------------------------------------------


def only_table(root: Path) -> Path:
    tables = sorted(p for p in files_below(root, frozenset()) if p.suffix.lower() == ".csv")
    if len(tables) != 1:
        names = ", ".join(printable(path.name) for path in tables[:5]) or "none"
        raise UserError(
            f"Labels in a table: give one FILE.csv with the columns file and label among the "
            f"pictures. There: {names}."
        )
    return tables[0]


def table_path(root: Path, labels: str) -> Path:
    if not labels.lower().endswith(".csv"):
        raise UserError(
            f"Labels are in folders, in the names' prefix, in a table, or in FILE.csv. "
            f"Got '{labels}'."
        )
    for path in (root / labels, Path(labels).expanduser()):
        if path.is_file():
            return path
    inside = [path for path in files_below(root, frozenset()) if path.name == labels]
    if len(inside) != 1:
        raise UserError(f"There is no table {labels} here, nor in {root.name}.")
    return inside[0]


def by_table(root: Path, table: Path) -> Reading:
    reading = Reading(root, [])
    files = by_any_name(root, list(pictures(root, reading.left_out)))
    reading.left_out.suffixes -= {".csv": 1}
    for name, label, split in table_rows(table):
        path = files.get(name) or files.get(Path(name).name)
        if path is None:
            reading.refused.append((printable(name), "the table names it, and it is not there"))
        elif label:
            reading.items.append(Labelled(path, printable(label), SPLITS.get(split.lower(), "")))
    if not reading.items:
        raise UserError(
            f"{table.name} names none of the pictures. It needs two columns, as in "
            f"file,label and then pictures/1.jpg,cat."
        )
    return reading


def by_any_name(root: Path, paths: list[Path]) -> dict[str, Path | None]:
    """By the path below the root, the name and the stem; None where two share one."""
    names: dict[str, Path | None] = {}
    for key in (lambda path: path.stem, lambda path: path.name):
        for path in paths:
            names[key(path)] = None if key(path) in names else path
    return names | {path.relative_to(root).as_posix(): path for path in paths}


def table_rows(table: Path) -> Iterator[tuple[str, str, str]]:
    """(file, label, split); with or without a head. Raises UserError for a table without both."""
    text = table_text(table)
    try:
        rows = list(csv.reader(io.StringIO(text), delimiter=delimiter(text)))
    except csv.Error as error:  # a quotation mark that nobody closed
        raise UserError(f"{table.name} cannot be read as a table ({error}). Mend it.") from None
    head = [cell.strip().lower() for cell in rows[0]] if rows else []
    file, label = column(head, FILE_COLUMNS), column(head, LABEL_COLUMNS)
    if file is not None and label is not None:
        rows = rows[1:]
    elif len(head) == 2:
        file, label = 0, 1
    else:
        columns = ", ".join(head)[:60] or "none"
        raise UserError(f"{table.name} needs the columns file and label. It has: {columns}.")
    split = column(head, ("split", "set", "subset"))
    for row in rows:
        cells = [cell.strip() for cell in row]
        if len(cells) > max(file, label):
            split_name = cells[split] if split is not None and len(cells) > split else ""
            yield cells[file].removeprefix("./"), cells[label], split_name


def table_text(table: Path) -> str:
    if table.stat().st_size > MOST_TABLE_BYTES:
        raise UserError(f"{table.name} is larger than {MOST_TABLE_BYTES // 2**20} MB.")
    data = table.read_bytes().replace(b"\0", b"")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def delimiter(text: str) -> str:
    """The one that stands most often in the first line."""
    return max(",;\t", key=text.partition("\n")[0].count)


def column(head: list[str], names: tuple[str, ...]) -> int | None:
    return next((head.index(name) for name in names if name in head), None)
