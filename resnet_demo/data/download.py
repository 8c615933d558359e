"""Imagenette and CIFAR-10 from their makers, with torchvision's addresses and MD5 sums.

A download goes on where it broke off, is verified before it is opened, and is unpacked next to
its place and renamed, so that a folder of that name is always whole.
"""

import errno
import fcntl
import hashlib
import http.client
import pickle
import shutil
import tarfile
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from resnet_demo.config import Home
from resnet_demo.data.dataset import Pictures, array_split
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.progress import Progress
from resnet_demo.refs import DataRef

ATTEMPTS = 5
TIMEOUT_SECONDS = 20
CHUNK = 1 << 18
IMAGENETTE_SIZES = {"": "160px", "320": "320px", "full": "full"}


def imagenette_folder(size: str, home: Home) -> Generator[Progress, None, Path]:
    """The folder with train/ and val/; downloaded when it is not there."""
    from torchvision.datasets import Imagenette

    url, md5 = Imagenette._ARCHIVES[IMAGENETTE_SIZES[size]]
    return (yield from fetch_folder(url, md5, home.downloads))


def is_downloaded(name: str, home: Home) -> bool:
    """Whether `imagenette...` or `cifar10` has been."""
    from torchvision.datasets import CIFAR10, Imagenette

    data = DataRef.parse(name)
    sizes = Imagenette._ARCHIVES
    url = CIFAR10.url if data.kind == "cifar10" else sizes[IMAGENETTE_SIZES[data.rest]][0]
    return place_of(url, home.downloads).is_dir()


def place_of(url: str, downloads: Path) -> Path:
    return downloads / url.rsplit("/", 1)[1].split(".")[0]


def cifar10(home: Home) -> Generator[Progress, None, Pictures]:
    from torchvision.datasets import CIFAR10

    root = yield from fetch_folder(CIFAR10.url, CIFAR10.tgz_md5, home.downloads)
    meta = read_batch(root / "batches.meta")
    train = [read_batch(root / f"data_batch_{number}") for number in range(1, 6)]
    train_split, val_split = (
        array_split(*stack(batches), stem, f"cifar10-{stem}-{CIFAR10.tgz_md5}")
        for stem, batches in (("train", train), ("val", [read_batch(root / "test_batch")]))
    )
    return Pictures(tuple(meta["label_names"]), train_split, val_split)


def read_batch(path: Path) -> Json:
    """A pickle, but out of an archive whose MD5 is the published one."""
    with path.open("rb") as file:
        values = pickle.load(file, encoding="bytes")
    return {
        key.decode(): [v.decode() for v in value] if key == b"label_names" else value
        for key, value in values.items()
    }


def stack(batches: list[Json]) -> tuple[np.ndarray, np.ndarray]:
    """uint8 (N, 32, 32, 3) and labels (N,)."""
    data = np.concatenate([batch["data"] for batch in batches])
    labels = np.concatenate([batch["labels"] for batch in batches])
    return data.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1), labels


def fetch_folder(url: str, md5: str, downloads: Path) -> Generator[Progress, None, Path]:
    """Yield bytes done and in all; return the one folder that the archive holds."""
    archive = downloads / url.rsplit("/", 1)[1]
    place = place_of(url, downloads)
    if not place.is_dir():
        yield "Downloading", 0, 0  # who only wants to look stops here
        downloads.mkdir(parents=True, exist_ok=True)
        with one_at_a_time(downloads):
            if not place.is_dir():
                yield from download(url, md5, archive)
                yield from unpack(archive, place)
                archive.unlink()
    return place


@contextmanager
def one_at_a_time(downloads: Path) -> Iterator[None]:
    """Two processes that continue one file would spoil it."""
    with (downloads / ".lock").open("a") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UserError(
                "Another process is downloading here; try again when it is done."
            ) from None
        yield


def download(url: str, md5: str, archive: Path) -> Generator[Progress, None, None]:
    """Raises UserError when there is no network or the file stays wrong."""
    partial = archive.with_name(archive.name + ".part")
    for attempt in range(ATTEMPTS):
        try:
            yield from continue_download(url, partial)
        except (urllib.error.URLError, http.client.HTTPException, OSError) as error:
            if getattr(error, "errno", None) == errno.ENOSPC:
                raise UserError(f"The disk is full; make room in {archive.parent}.") from None
            if attempt == ATTEMPTS - 1:
                raise UserError(offline_sentence(url, error)) from None
            continue
        if md5_of(partial) == md5:
            partial.replace(archive)
            return
        partial.unlink()  # nothing of it can be trusted
    raise UserError(
        f"{url} was downloaded {ATTEMPTS} times and its MD5 was never {md5}. Try another network, "
        f"or use shapes or folder:PATH."
    )


def offline_sentence(url: str, error: Exception) -> str:
    reason = getattr(error, "reason", error)
    return (
        f"Cannot download {url} ({reason}). Connect to the network and try again, or use "
        f"shapes, which needs no download, or folder:PATH with your own pictures."
    )


def continue_download(url: str, partial: Path) -> Generator[Progress, None, None]:
    """Ask for what is missing; a server that knows no ranges sends all of it again."""
    have = partial.stat().st_size if partial.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        answer = urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == 416:  # nothing is missing, or the file changed: the MD5 will tell
            return
        raise
    with answer:
        resumed = answer.status == 206
        done = have if resumed else 0
        total = done + int(answer.headers.get("Content-Length") or 0)
        with partial.open("ab" if resumed else "wb") as file:
            while chunk := answer.read(CHUNK):
                file.write(chunk)
                done += len(chunk)
                yield "Downloading", done, total
    if done < total:
        raise OSError(f"broke off after {done} of {total} bytes")


def md5_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "md5").hexdigest()


def unpack(archive: Path, place: Path) -> Generator[Progress, None, None]:
    """Members that point outside the folder are refused (tarfile's data filter)."""
    temporary = place.with_name(f".{place.name}.partial")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        with tarfile.open(archive) as tar:
            for number, member in enumerate(tar):
                tar.extract(member, temporary, filter="data")
                if number % 100 == 0:
                    yield "Unpacking", number, 0
        (inside,) = temporary.iterdir()
        inside.rename(place)
    except OSError as error:
        raise UserError(
            f"{archive.name} cannot be unpacked ({error.strerror or error}). Make room in "
            f"{place.parent}."
        ) from None
    except (tarfile.TarError, ValueError) as error:
        raise UserError(f"{archive.name} cannot be unpacked ({error}).") from None
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
