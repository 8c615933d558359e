"""Data sets of the Hub: `hub:USER/NAME[@REVISION][:CONFIG]`, parquet or folders of pictures.

Unpacked once into a folder as `data.folder` reads it: what holds for folders holds here. The commit
is in the folder's name and in the run's settings: what was trained on can be had again.
"""

import json
import os
import re
import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from resnet_demo.config import Home
from resnet_demo.data.archive import printable_name
from resnet_demo.data.folder import SUFFIXES, TRAIN_NAMES, VAL_NAMES
from resnet_demo.errors import UserError
from resnet_demo.fetching import from_the_hub
from resnet_demo.progress import Progress

FORM = re.compile(r"(?P<repo>[\w.-]+/[\w.-]+)(@(?P<revision>[\w.-]+))?(:(?P<config>[\w.-]+))?")
LABELS = ("label", "labels", "class", "category", "fine_label")  # columns that are no ClassLabel
BATCH = 64  # rows read at once
OLD = 0  # time of every file: a folder's fingerprint is of names, sizes and times
MAGIC = {b"\xff\xd8": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp", b"GIF8": ".gif", b"BM": ".bmp"}
Splits = dict[str, list[str]]  # "train", "val" -> files of the repository


@dataclass(frozen=True)
class HubData:
    repo: str
    revision: str = ""  # a commit; empty: the newest
    config: str = ""

    @classmethod
    def parse(cls, text: str) -> "HubData":
        """From what stands behind `hub:`. Raises UserError."""
        match = FORM.fullmatch(text)
        if match is None:
            raise UserError(f"'hub:{text[:60]}' is not of the form hub:USER/NAME[:CONFIG].")
        return cls(**{name: value or "" for name, value in match.groupdict().items()})

    def __str__(self) -> str:
        revision = f"@{self.revision}" if self.revision else ""
        return f"hub:{self.repo}{revision}" + (f":{self.config}" if self.config else "")

    def place(self, home: Home) -> Path:
        words = filter(None, (self.repo.replace("/", "--"), self.config, self.revision))
        return home.downloads / "hub" / "--".join(words)


def pinned(data: HubData, home: Home) -> HubData:
    """With the commit that the Hub names now, or that is here when it cannot be asked."""
    if data.revision:
        return data
    try:
        info = repository(data)
    except UserError:
        newest = newest_here(data, home)
        if newest is None:
            raise
        return HubData(data.repo, newest.name.rsplit("--", 1)[1], data.config)
    return HubData(data.repo, info.sha, data.config)


def newest_here(data: HubData, home: Home) -> Path | None:
    place = data.place(home)
    return max(place.parent.glob(f"{place.name}--*"), key=lambda p: p.stat().st_mtime, default=None)


def folder_here(data: HubData, home: Home) -> Path | None:
    """None where it would have to be downloaded first."""
    place = data.place(home) if data.revision else newest_here(data, home)
    return place if place and place.is_dir() else None


def hub_folder(data: HubData, home: Home) -> Generator[Progress, None, Path]:
    """Its folder; downloaded and unpacked when it is not there. Raises UserError."""
    place = folder_here(data, home)
    if place is None:
        yield "Downloading", 0, 0  # who only wants to look stops here
        place = pinned(data, home).place(home)
    if not place.is_dir():
        part = place.with_name(f".{place.name}.partial")
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        try:
            yield from fill(part, data)
            part.rename(place)
        except OSError as error:
            raise UserError(f"Cannot write {place} ({error.strerror}). Make room there.") from None
        finally:
            shutil.rmtree(part, ignore_errors=True)
    return place


def repository(data: HubData) -> Any:
    """What the Hub says of it: `sha`, and `siblings`, its files."""
    from huggingface_hub import HfApi

    ask = partial(HfApi().dataset_info, data.repo, revision=data.revision or None)
    return from_the_hub(str(data), ask, what="pictures")


def fill(folder: Path, data: HubData) -> Generator[Progress, None, None]:
    info = repository(data)
    files = [file.rfilename for file in info.siblings or []]
    splits = parquet_splits(files, data) or picture_splits(files, data)
    total, done = sum(map(len, splits.values())), 0
    for split, names in splits.items():
        for number, name in enumerate(names):
            path = fetched(data, name, info.sha)
            write = write_rows if name.endswith(".parquet") else write_picture
            write(path, name, folder / split, number, data)
            done += 1
            yield "Downloading", done, total


def fetched(data: HubData, name: str, revision: str) -> Path:
    """In the Hub's cache: what broke off goes on, what is there is not asked for again."""
    from huggingface_hub import hf_hub_download

    ask = partial(hf_hub_download, data.repo, name, repo_type="dataset", revision=revision)
    return Path(from_the_hub(str(data), ask, what="pictures"))


# --- which files are what ------------------------------------------------------------------------


def parquet_splits(files: list[str], data: HubData) -> Splits | None:
    """None where there is no parquet. Raises UserError where a configuration has to be chosen."""
    tables = [name for name in files if name.endswith(".parquet")]
    if not tables:
        return None
    firsts = {PurePosixPath(name).parts[0] for name in tables if "/" in name}
    configs = sorted(firsts - {"data", *TRAIN_NAMES, *VAL_NAMES})
    if data.config:
        tables = [name for name in tables if PurePosixPath(name).parts[0] == data.config]
    elif len(configs) > 1:
        some = ", ".join(configs[:8])
        raise UserError(f"{data} has several configurations: {some}. Choose: {data}:{configs[0]}")
    train, val = of_split(tables, TRAIN_NAMES), of_split(tables, VAL_NAMES)
    if not train:
        raise UserError(f"{data} has no parquet of training pictures (train-*.parquet).")
    return {"train": train, "val": val} if val else {"": train}


def of_split(files: list[str], names: tuple[str, ...]) -> list[str]:
    """By their own name or their folder's: data/train-0.parquet, train/0.parquet. The first of the
    names that is there counts: validation pictures are taken before test pictures."""
    for word in names:
        if named := [name for name in files if word in words_of(name)]:
            return sorted(named)
    return []


def words_of(name: str) -> list[str]:
    *folders, file = PurePosixPath(name).parts
    return [*folders, re.split(r"[-_.]", file)[0]]


def picture_splits(files: list[str], data: HubData) -> Splits:
    """Folders of pictures, [SPLIT/]CLASS/NAME: their own places, and `data.folder` reads them."""
    pictures = [name for name in files if PurePosixPath(name).suffix.lower() in SUFFIXES]
    if data.config:
        pictures = [name for name in pictures if PurePosixPath(name).parts[0] == data.config]
    if not pictures:
        raise UserError(f"{data} holds neither parquet files nor folders of pictures.")
    return {"": sorted(pictures)}


# --- writing them down ---------------------------------------------------------------------------


def write_picture(path: Path, name: str, folder: Path, number: int, data: HubData) -> None:
    parts = [
        printable_name(part) for part in PurePosixPath(name).parts if part not in ("/", ".", "..")
    ]
    put(folder.joinpath(*parts), path.read_bytes())


def write_rows(path: Path, name: str, folder: Path, number: int, data: HubData) -> None:
    """Every picture of a parquet file into the folder of its class. Raises UserError for two
    classes that would share one."""
    labels: dict[str, str] = {}  # by folder
    for row, (label, picture) in enumerate(rows_of(path, data)):
        place = folder_name(label)
        if labels.setdefault(place, label) != label:
            raise UserError(
                f"{data} has two classes that would be one here: {labels[place]!r} and {label!r} "
                f"make the same folder. Rename one of them there."
            )
        suffix = next((s for magic, s in MAGIC.items() if picture.startswith(magic)), ".jpg")
        put(folder / place / f"{number:03d}-{row:07d}{suffix}", picture)


def put(place: Path, content: bytes) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    os.utime(place, (OLD, OLD))


def folder_name(label: str) -> str:
    """A class's name as that of a folder, whatever somebody called it."""
    return printable_name(label.replace("/", "-").replace("\0", "")).strip().lstrip(".") or "empty"


def rows_of(path: Path, data: HubData) -> Iterator[tuple[str, bytes]]:
    """(class, the picture's file) of each row. Raises UserError for what has no such columns."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        picture, label, names = columns(file.schema_arrow, data)
        for batch in file.iter_batches(BATCH, columns=[picture, label]):
            for row in batch.to_pylist():
                content, class_cell = row[picture], row[label]
                content = content.get("bytes") if isinstance(content, dict) else content
                if content and is_label(class_cell, names):
                    yield (names[class_cell] if names else str(class_cell)), content
    except (pa.ArrowException, AttributeError, IndexError, TypeError, ValueError) as error:
        raise UserError(f"{path.name} of {data} cannot be read ({str(error)[:80]}).") from None


def is_label(cell: object, names: list[str]) -> bool:
    """Of a row that somebody has labelled: -1 stands in test sets whose answers are kept back."""
    return cell is not None and not (names and cell == -1)


def columns(schema: Any, data: HubData) -> tuple[str, str, list[str]]:
    """Of the picture, of the label, and the classes' names where the label is a number."""
    about = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
    features = about.get("info", {}).get("features", {})
    kinds = {
        name: feature.get("_type")
        for name, feature in features.items()
        if isinstance(feature, dict)
    }
    pictures = [name for name in schema.names if kinds.get(name) == "Image"]
    pictures = pictures or [name for name in schema.names if name in ("image", "img")]
    labels = [name for name in schema.names if kinds.get(name) == "ClassLabel"]
    labels = labels or [name for name in LABELS if name in schema.names]
    if not pictures or not labels:
        raise UserError(
            f"{data} has no column of pictures or none of labels: {', '.join(schema.names[:8])}."
        )
    return pictures[0], labels[0], features.get(labels[0], {}).get("names") or []
