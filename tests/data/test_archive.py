"""Archives of strangers: nothing is written outside, nothing hangs, one sentence each."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.data import archive
from resnet_demo.data.archive import is_archive, unpack
from resnet_demo.data.importing import import_path
from resnet_demo.data.library import names_of
from resnet_demo.errors import UserError
from resnet_demo.progress import finish


def png(shade: int = 0) -> bytes:
    data = io.BytesIO()
    Image.new("RGB", (8, 8), (shade, 40, 90)).save(data, "PNG")
    return data.getvalue()


GOOD = {f"{label}/{index}.png": png(100 * label + index) for label in (0, 1) for index in range(3)}


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w", method) as made:
        warnings.simplefilter("ignore")  # two entries of one name
        for name, content in files.items():
            made.writestr(zipfile.ZipInfo(name), content, method)
    return data.getvalue()


def zipped_twice(name: str, *contents: bytes) -> bytes:
    data = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(data, "w") as made:
        warnings.simplefilter("ignore")
        for content in contents:
            made.writestr(name, content)
    return data.getvalue()


def tarred(files: dict[str, bytes], **odd: object) -> bytes:
    """odd: attributes of a last member called odd/odd.png."""
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as made:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            made.addfile(member, io.BytesIO(content))
        if odd:
            member = tarfile.TarInfo("odd/odd.png")
            for name, value in odd.items():
                setattr(member, name, value)
            header = member.tobuf()  # addfile of Python 3.13 asks for what the size promises
            made.fileobj.write(header)
            made.offset += len(header)
    return data.getvalue()


def zip_link(target: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        link = zipfile.ZipInfo("0/link.png")
        link.external_attr = 0o120777 << 16
        made.writestr(link, target)
    return data.getvalue()


def patched(data: bytes, signature: bytes, offset: int, value: bytes) -> bytes:
    """Every header of a ZIP with some bytes overwritten."""
    made, place = bytearray(data), -1
    while (place := made.find(signature, place + 1)) >= 0:
        made[place + offset : place + offset + len(value)] = value
    return bytes(made)


LOCAL, CENTRAL, END = b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06"
ZEROS = bytes(80 * 2**20)  # packs a thousandfold
OUTSIDE = [
    "../up.png", "0/../../up.png", "/tmp/absolute.png", "C:\\up.png", "..\\up.png",
    "\\\\host\\up.png",
    "0/" + "deep/" * 40 + "a.png", "C:up.png", "//up.png", "./../up.png",
]  # fmt: skip
ODD_NAMES = [
    "0/\x00.png", "0/\n.png", "0/\x1b[31m.png", "0/" + "a" * 300 + ".png", "0/é\u202egnp.png",
    "0/ .png", "0/..png", "0/con.png", "\udce9/a.png".encode(errors="replace").decode(),
    "0//a.png", "./0/a.png", "0\\a.png",
]  # fmt: skip
DAMAGED: dict[str, Callable[[], bytes]] = {
    "empty zip": lambda: zipped({}),
    "zip of nothing but a magic": lambda: b"PK\x03\x04",
    "zip cut in half": lambda: zipped(GOOD)[: len(zipped(GOOD)) // 2],
    "zip without its end": lambda: zipped(GOOD)[:-22],
    "zip without its last byte": lambda: zipped(GOOD)[:-1],
    "zip whose table lies beyond": lambda: patched(zipped(GOOD), END, 16, b"\xff\xff\xff\x7f"),
    "zip whose table is endless": lambda: patched(zipped(GOOD), END, 12, b"\xff\xff\xff\x7f"),
    "encrypted zip": lambda: patched(zipped(GOOD), CENTRAL, 8, b"\x01\x00"),
    "zip of an unknown method": lambda: patched(zipped(GOOD), CENTRAL, 10, b"\x63\x00"),
    "zip of wrong checksums": lambda: patched(zipped(GOOD), CENTRAL, 16, b"\x00\x00\x00\x00"),
    "zip with other local names": lambda: patched(zipped(GOOD), LOCAL, 30, b"X"),
    "zip whose entries are not there": lambda: patched(zipped(GOOD), CENTRAL, 42, b"\xff\xff\xff"),
    "zip of a name that is no utf-8": lambda: patched(
        patched(zipped(GOOD), CENTRAL, 8, b"\x00\x08"), CENTRAL, 46, b"\xff"
    ),
    "a bomb": lambda: zipped({"0/a.png": ZEROS, "1/a.png": ZEROS}),
    "a bomb of many": lambda: zipped({f"{i}/a.png": ZEROS[: 60 * 2**20] for i in range(9)}),
    "a bomb that tells another size": lambda: patched(
        zipped({"0/a.png": ZEROS}), CENTRAL, 24, struct.pack("<I", 10)
    ),
    "a zip in a zip": lambda: zipped({"0/inner.zip": zipped(GOOD)}),
    "a zip called a picture": lambda: zipped({"0/a.png": zipped(GOOD), "1/a.png": zipped(GOOD)}),
    "a link to a file": lambda: zip_link("/etc/passwd"),
    "a link upwards": lambda: zip_link("../../.."),
    "folders alone": lambda: zipped({"0/": b"", "1/": b""}),
    "text alone": lambda: zipped({"0/a.txt": b"a", "1/b.txt": b"b"}),
    "pages called pictures": lambda: zipped({"0/a.jpg": b"<html>", "1/b.jpg": b"<html>"}),
    "pictures of no class": lambda: zipped({"a.png": png(1), "b.png": png(2)}),
    "empty tar": lambda: tarred({}),
    "tar cut in a picture": lambda: tarred({"0/a.png": bytes(9000)})[:3000],
    "tar cut in a header": lambda: tarred(GOOD)[:300],
    "tar of a wrong checksum": lambda: b"x" + tarred(GOOD)[1:],
    "tar with a link": lambda: tarred({}, type=tarfile.SYMTYPE, linkname="/etc/passwd"),
    "tar with a hard link": lambda: tarred({}, type=tarfile.LNKTYPE, linkname="../../x"),
    "tar with a device": lambda: tarred({}, type=tarfile.CHRTYPE, devmajor=1, devminor=5),
    "tar with a pipe": lambda: tarred({}, type=tarfile.FIFOTYPE),
    "tar with an endless picture": lambda: tarred({}, size=2**40),
    "tar with an endless header": lambda: tarred({}, type=b"x", size=2**33),
    "tar with a long long name": lambda: tarred({}, type=b"L", size=2**33),
    "tar with a negative size": lambda: tarred({}, size=-1),
    "gzip of nothing": lambda: gzip.compress(b""),
    "gzip of text": lambda: gzip.compress(b"text"),
    "gzip cut short": lambda: gzip.compress(tarred(GOOD))[:-40],
    "gzip of a wrong checksum": lambda: gzip.compress(tarred(GOOD))[:-8] + bytes(8),
    "gzip bomb": lambda: gzip.compress(tarred({"0/a.png": ZEROS, "1/b.png": ZEROS})),
    "gzip bomb of other files": lambda: gzip.compress(
        b"".join(tarred({"0/a.bin": ZEROS})[:-10240] for _ in range(5))
    ),
    "bzip2 of rubbish": lambda: b"BZh9" + bytes(range(200)),
    "bzip2 bomb": lambda: bz2.compress(tarred({"0/a.png": ZEROS})),
    "xz of rubbish": lambda: b"\xfd7zXZ\x00" + bytes(range(200)),
    "xz bomb": lambda: lzma.compress(tarred({"0/a.png": ZEROS}), preset=1),
    "a gzip in a gzip": lambda: gzip.compress(gzip.compress(tarred(GOOD))),
}  # fmt: skip
for name in OUTSIDE:
    DAMAGED[f"zip with {name[:20]!r}"] = lambda name=name: zipped({name: png()})
    DAMAGED[f"tar with {name[:20]!r}"] = lambda name=name: tarred({name: png()})


def test_there_are_sixty() -> None:
    assert len(DAMAGED) >= 60


@pytest.mark.parametrize("kind", DAMAGED)
def test_a_hostile_archive_is_one_sentence_and_leaves_nothing(
    kind: str, tmp_path: Path, home: Home
) -> None:
    place = tmp_path / "given"
    place.write_bytes(DAMAGED[kind]())
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UserError) as refusal:
        finish(import_path(home, "set", str(place)))
    sentence = str(refusal.value)
    assert "\n" not in sentence and "Traceback" not in sentence and len(sentence) < 400
    assert names_of(home) == []
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_odd_name_is_a_name_like_others(name: str, tmp_path: Path, home: Home) -> None:
    place = tmp_path / "given"
    place.write_bytes(zipped(GOOD | {name: png(250)}))
    found = finish(import_path(home, "set", str(place)))
    assert found["added"] in (len(GOOD), len(GOOD) + 1)
    assert all(name["name"].isprintable() for name in found["classes"])
    assert list(tmp_path.iterdir()) == [place, home.path] or len(list(tmp_path.iterdir())) == 2


def test_more_entries_than_any_data_set_has(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive, "MOST_ENTRIES", 5)
    for data in (zipped(GOOD), tarred(GOOD)):
        place = tmp_path / "many"
        place.write_bytes(data)
        with pytest.raises(UserError, match="more than 5 entries"):
            finish(unpack(place, tmp_path))


@pytest.mark.parametrize("pack", [zipped, tarred, lambda f: gzip.compress(tarred(f)),
                                  lambda f: bz2.compress(tarred(f)),
                                  lambda f: lzma.compress(tarred(f)),
                                  lambda f: zipped(f, zipfile.ZIP_STORED)])  # fmt: skip
def test_good_archives_come_out_whole(
    pack: Callable[[dict[str, bytes]], bytes], tmp_path: Path
) -> None:
    place, into = tmp_path / "good", tmp_path / "into"
    place.write_bytes(pack(GOOD | {"__MACOSX/0/._a.png": b"junk", "readme.txt": b"hello"}))
    assert is_archive(place)
    found = finish(unpack(place, into))
    out = {path.relative_to(into).as_posix(): path.read_bytes() for path in into.rglob("*.png")}
    assert out == GOOD
    assert found.left_out.suffixes == {".txt": 1} and found.refused == []


def test_a_broken_entry_does_not_spoil_the_others(tmp_path: Path, home: Home) -> None:
    data = zipped(GOOD, zipfile.ZIP_STORED)
    place = tmp_path / "given.zip"
    place.write_bytes(data.replace(GOOD["0/1.png"], bytes(len(GOOD["0/1.png"])), 1))
    found = finish(import_path(home, "set", str(place)))
    assert found["added"] == len(GOOD) - 1
    assert [row["name"] for row in found["refused"]] == ["0/1.png"]


@pytest.mark.parametrize("magic", archive.UNREAD)
def test_other_kinds_of_archives_are_named(magic: bytes, tmp_path: Path) -> None:
    place = tmp_path / "other"
    place.write_bytes(magic + bytes(100))
    with pytest.raises(UserError, match="make it a ZIP"):
        is_archive(place)


def test_two_entries_of_one_name_are_two_pictures(tmp_path: Path) -> None:
    place = tmp_path / "given.zip"
    place.write_bytes(zipped_twice("0/a.png", png(1), png(2)))
    finish(unpack(place, tmp_path / "into"))
    assert {path.read_bytes() for path in (tmp_path / "into").rglob("*.png")} == {png(1), png(2)}
