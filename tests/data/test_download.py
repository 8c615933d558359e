"""Against a loop-back server that breaks off, lies and recovers."""

import hashlib
import io
import pickle
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest

from resnet_demo.config import Home
from resnet_demo.data import download
from resnet_demo.errors import UserError
from tests.data.test_pixel_cache import drained


def archive(*names: str, inside: str = "set") -> bytes:
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name in names:
            info = tarfile.TarInfo(f"{inside}/{name}")
            content = name.encode() * 40_000
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return data.getvalue()


class Unreliable(ThreadingHTTPServer):
    """Answers by a list of moods: "whole", "half" (breaks off), "lie" (other bytes)."""

    def __init__(self, data: bytes, moods: list[str]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.data, self.moods, self.ranges = data, moods, []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/set.tgz"


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        mood = self.server.moods.pop(0) if self.server.moods else "whole"
        asked = self.headers.get("Range")
        self.server.ranges.append(asked)
        start = int(asked.split("=")[1].rstrip("-")) if asked else 0
        body = self.server.data[start:]
        if mood == "lie":
            body = bytes(len(body))
        self.send_response(206 if asked else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2] if mood == "half" else body)

    def log_message(self, *_: object) -> None:
        pass


def md5(data: bytes) -> str:
    return hashlib.md5(data).hexdigest()


def fetched(server: Unreliable, sum_: str, home: Home) -> Path:
    return drained(download.fetch_folder(server.url, sum_, home.downloads))[1]


def test_a_download_goes_on_where_it_broke_off(home: Home) -> None:
    data = archive("a", "b")
    server = Unreliable(data, ["half", "half", "whole"])
    place = fetched(server, md5(data), home)
    assert sorted(path.name for path in place.iterdir()) == ["a", "b"]
    assert server.ranges[0] is None and all(server.ranges[1:])
    assert sorted(path.name for path in home.downloads.iterdir()) == [".lock", "set"]


def test_wrong_bytes_are_thrown_away_and_fetched_again(home: Home) -> None:
    data = archive("a")
    server = Unreliable(data, ["lie", "whole"])
    assert (fetched(server, md5(data), home) / "a").read_bytes()[:3] == b"aaa"
    assert server.ranges == [None, None]


def test_a_server_that_always_lies_is_given_up(home: Home) -> None:
    data = archive("a")
    server = Unreliable(data, ["lie"] * download.ATTEMPTS)
    with pytest.raises(UserError, match="MD5 was never"):
        fetched(server, md5(data), home)
    assert [path.name for path in home.downloads.iterdir()] == [".lock"]


def test_what_is_there_is_not_fetched_again(home: Home) -> None:
    data = archive("a")
    server = Unreliable(data, [])
    fetched(server, md5(data), home)
    fetched(server, md5(data), home)
    assert len(server.ranges) == 1


def test_an_archive_that_reaches_outside_is_refused(home: Home, tmp_path: Path) -> None:
    data = archive("../../../evil")
    with pytest.raises(UserError, match="cannot be unpacked"):
        fetched(Unreliable(data, []), md5(data), home)
    assert not list(tmp_path.rglob("evil"))
    assert not (home.downloads / "set").exists()


def test_what_cannot_be_written_is_a_sentence(home: Home) -> None:
    data = archive("a")
    (home.downloads / ".set.partial").write_text("in the way of the folder")
    with pytest.raises(UserError, match=r"set.tgz cannot be unpacked \(.*\). Make room in"):
        fetched(Unreliable(data, []), md5(data), home)


def test_offline_names_what_works_without_a_network(home: Home, monkeypatch) -> None:
    server = Unreliable(b"", [])
    url = server.url
    server.shutdown()
    server.server_close()
    with pytest.raises(UserError, match=r"shapes, which needs no download, or folder:PATH"):
        drained(download.fetch_folder(url, "", home.downloads))


def test_cifar10_comes_out_of_its_archive(home: Home, monkeypatch) -> None:
    import torchvision

    def batch(labels: list[int]) -> bytes:
        pixels = np.arange(len(labels) * 3072).astype(np.uint8).reshape(-1, 3072)
        return pickle.dumps({b"data": pixels, b"labels": labels})

    names = [f"data_batch_{number}" for number in range(1, 6)]
    files = {name: batch([index, 9]) for index, name in enumerate(names)} | {
        "test_batch": batch([3]),
        "batches.meta": pickle.dumps({b"label_names": [b"cat", b"dog"]}),
    }
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as tar:
        for name, content in files.items():
            info = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    server = Unreliable(data.getvalue(), [])
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "url", server.url)
    monkeypatch.setattr(torchvision.datasets.CIFAR10, "tgz_md5", md5(data.getvalue()))
    found = drained(download.cifar10(home))[1]
    assert found.classes == ("cat", "dog") and found.train.labels == (0, 9, 1, 9, 2, 9, 3, 9, 4, 9)
    picture = found.val.read(0)
    assert picture.shape == (32, 32, 3) and picture[0, 1].tolist() == [1, 1, 1]


def test_imagenette_is_torchvisions(home: Home, monkeypatch) -> None:
    asked = []

    def fetch_folder(url: str, md5: str, place: Path):
        asked.append((url.rsplit("/", 1)[1], md5))
        return place
        yield

    monkeypatch.setattr(download, "fetch_folder", fetch_folder)
    for size in ("", "320", "full"):
        drained(download.imagenette_folder(size, home))
    assert asked[0] == ("imagenette2-160.tgz", "e793b78cc4c9e9a4ccc0c1155377a412")
    assert [name for name, _ in asked[1:]] == ["imagenette2-320.tgz", "imagenette2.tgz"]
