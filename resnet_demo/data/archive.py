"""ZIP and TAR archives -> a folder of their pictures. What an archive says is not believed: not its
names, not its sizes, not its table of contents.

    for what, done, total in unpack(Path("pets.zip"), empty_folder): ...
"""

import bz2
import gzip
import io
import lzma
import os
import re
import tarfile
import zipfile
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path, PurePosixPath
from typing import IO, Any

from resnet_demo.data.folder import SUFFIXES, LeftOut, is_junk
from resnet_demo.errors import UserError
from resnet_demo.files import printable
from resnet_demo.progress import Progress

LABEL_FILE = ".csv"  # `file,label`; see data.labels
MOST_ENTRIES = 200_000
MOST_ENTRY_BYTES = 64 * 2**20  # of one picture
MOST_PART_BYTES = 2**26 + 1  # read at once: a picture, a ZIP's table of contents, a TAR's header
MOST_RATIO, FREE_BYTES = 100, 2**28  # unpacked over packed, above the first 256 MB
DEEPEST, LONGEST_NAME = 12, 150
REPORT_EVERY = 50
MOST_NAMESAKES = 50  # entries of one name that are kept
OPENERS: dict[bytes, Callable[[Any], Any]] = {  # of compressed TARs, by their first bytes
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ": lzma.open,
}
UNREAD = {b"Rar!": "RAR", b"7z\xbc\xaf": "7z", b"(\xb5/\xfd": "zstd"}


@dataclass
class Entry:
    """One file of an archive."""

    name: str
    size: int  # as the archive says
    read: Callable[[int], bytes]  # at most so many bytes


@dataclass
class Unpacked:
    """What did not come out, and why."""

    left_out: LeftOut = field(default_factory=LeftOut)  # no pictures
    refused: list[tuple[str, str]] = field(default_factory=list)  # name, reason

    def add(self, more: "Unpacked") -> None:
        self.left_out.suffixes += more.left_out.suffixes
        self.refused += more.refused


def is_archive(path: Path) -> bool:
    """By its first bytes. Raises UserError for kinds of archives that are not read."""
    head = first_bytes(path)
    for magic, kind in UNREAD.items():
        if head.startswith(magic):
            raise UserError(f"{path.name} is a {kind} archive; make it a ZIP or a TAR.")
    return head.startswith((b"PK", *OPENERS)) or head[257:262] == b"ustar"


def first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(512)
    except OSError as error:
        raise UserError(f"Cannot read {path.name} ({error.strerror}).") from None


def unpack(path: Path, into: Path) -> Generator[Progress, None, Unpacked]:
    """Write the archive's pictures and label files below `into`, under names of which nothing
    leads outside. Raises UserError for an archive that is broken, encrypted or unpacks to too
    much; a single entry that is broken is in what is returned."""
    unpacked = Unpacked()
    written, most = 0, MOST_RATIO * path.stat().st_size + FREE_BYTES
    with archive_errors(path):
        for number, entry in enumerate(entries(path, most), 1):
            if number > MOST_ENTRIES:
                raise UserError(
                    f"{path.name} has more than {MOST_ENTRIES:,} entries. Unpack it yourself and "
                    f"give the folder."
                )
            written += put(entry, into, unpacked)
            if written > most:
                raise too_much(path)
            if number % REPORT_EVERY == 0:
                yield "Unpacking", number, 0
    return unpacked


def put(entry: Entry, into: Path, unpacked: Unpacked) -> int:
    """Write one entry if it is wanted; how many bytes."""
    parts = safe_parts(entry.name)
    if parts is None:
        unpacked.refused.append((printable_name(entry.name), "its name leads outside the archive"))
        return 0
    suffix = Path(parts[-1]).suffix.lower() if parts else ""
    if not parts or any(map(is_junk, parts)):
        return 0
    if suffix not in SUFFIXES and suffix != LABEL_FILE:
        unpacked.left_out.suffixes[suffix or "no suffix"] += 1
        return 0
    reason, data = content(entry)
    if not reason:
        reason = write_new(into.joinpath(*parts), data)
    if reason:
        unpacked.refused.append((printable_name(entry.name), reason))
    return len(data)


def content(entry: Entry) -> tuple[str, bytes]:
    """Why an entry cannot be read, or its bytes."""
    most = f"it is larger than {MOST_ENTRY_BYTES // 2**20} MB"
    if entry.size > MOST_ENTRY_BYTES:
        return most, b""
    try:
        data = entry.read(MOST_ENTRY_BYTES + 1)
    except (zipfile.BadZipFile, NotImplementedError) as error:  # a wrong checksum, a rare method
        return f"it is damaged ({str(error)[:60]})", b""
    if len(data) < entry.size:
        return "it is cut short", b""
    return (most, b"") if len(data) > MOST_ENTRY_BYTES else ("", data)


def write_new(place: Path, data: bytes) -> str:
    """Under another name where that one is taken; why it cannot be done, or nothing. Raises OSError
    for a full disk."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        for free in islice(namesakes(place), MOST_NAMESAKES):
            if not os.path.lexists(free):
                free.write_bytes(data)
                return ""
    except (FileExistsError, NotADirectoryError):
        pass
    return "another entry has its name"


def namesakes(place: Path) -> Iterator[Path]:
    """The place, then others beside it: image.jpg, image-1.jpg, image-2.jpg, ..."""
    yield place
    yield from (place.with_stem(f"{place.stem}-{number}") for number in count(1))


def safe_parts(name: str) -> tuple[str, ...] | None:
    """The folders and the file that an entry names; None when it leads outside."""
    parts = PurePosixPath(name.replace("\\", "/")).parts
    outside = ".." in parts or name[:1] in "/\\" or re.match("[A-Za-z]:", name)
    if outside or len(parts) > DEEPEST:
        return None
    return tuple(short(printable_name(part)) for part in parts if part not in (".", "/"))


def printable_name(name: str) -> str:
    """Also of halves of characters, which no disk takes."""
    return printable(name.encode(errors="backslashreplace").decode())


def short(name: str) -> str:
    """A disk takes 255 bytes of UTF-8; the suffix is kept."""
    path = PurePosixPath(name)
    stem = path.stem.encode()[: LONGEST_NAME - len(path.suffix)].decode(errors="ignore")
    return f"{stem}{path.suffix[:20]}"


# --- the two kinds -------------------------------------------------------------------------------


def entries(path: Path, most: int) -> Iterator[Entry]:
    with path.open("rb") as file:
        head = file.read(8)
        file.seek(0)
        if head.startswith(b"PK"):
            yield from zip_entries(Bounded(file, 2**62))
            return
        opener = next((use for magic, use in OPENERS.items() if head.startswith(magic)), None)
        with closing(opener(file) if opener else file) as plain:
            yield from tar_entries(Bounded(plain, most))


def zip_entries(file: Any) -> Iterator[Entry]:
    with zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            if info.flag_bits & 1:
                raise UserError("This archive is encrypted; give one without a password.")
            if not info.is_dir() and not (info.external_attr >> 16) & 0o170000 == 0o120000:
                yield Entry(info.filename, info.file_size, zip_reader(archive, info))


def zip_reader(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Callable[[int], bytes]:
    def read(count: int) -> bytes:
        with archive.open(info) as file:
            return file.read(count)

    return read


def tar_entries(file: Any) -> Iterator[Entry]:
    with tarfile.open(fileobj=file, mode="r:") as archive:
        while (member := archive.next()) is not None:
            archive.members.clear()  # type: ignore[attr-defined]  # it would hold every header
            if member.isreg():
                yield Entry(member.name, member.size, tar_reader(archive, member))
    while file.read(MOST_ENTRY_BYTES):  # to the end, where the checksum is
        pass


def tar_reader(archive: tarfile.TarFile, member: tarfile.TarInfo) -> Callable[[int], bytes]:
    def read(count: int) -> bytes:
        file = archive.extractfile(member)
        return file.read(count) if file else b""

    return read


class Bounded(io.RawIOBase):
    """A file of which nobody reads much at once, nor beyond `most`: headers name lengths, and
    libraries believe them."""

    def __init__(self, file: IO[bytes], most: int) -> None:
        self.file, self.most = file, most

    def read(self, size: int = -1) -> bytes:
        most = MOST_PART_BYTES + 1
        data = self.file.read(most if size < 0 else min(size, most))
        if len(data) == most:
            raise UserError("This archive names a part that is too long to be read.")
        self.check(self.file.tell())
        return data

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET:
            self.check(offset)
        return self.file.seek(offset, whence)

    def check(self, place: int) -> None:
        if place > self.most:
            raise UserError(f"This archive unpacks to over {MOST_RATIO} times its size.")

    def tell(self) -> int:
        return self.file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


def too_much(path: Path) -> UserError:
    return UserError(
        f"{path.name} unpacks to over {MOST_RATIO} times its size: no archive of pictures does. "
        f"Unpack it yourself and give the folder."
    )


@contextmanager
def archive_errors(path: Path) -> Iterator[None]:
    """Whatever goes wrong with an archive becomes a UserError that names it."""
    try:
        yield
    except UserError as error:
        raise UserError(str(error).replace("This archive", path.name, 1)) from None
    except OSError as error:
        if error.errno is not None:  # of the disk, not of the archive
            raise UserError(f"Cannot unpack {path.name} ({error.strerror}).") from None
        raise broken(path, error) from None
    except Exception as error:  # zipfile, tarfile and the decompressors raise many kinds
        raise broken(path, error) from None


def broken(path: Path, error: Exception) -> UserError:
    reason = str(error).split("\n")[0][:60] or type(error).__name__
    return UserError(f"{path.name} is damaged or cut short ({reason}). Make it anew.")
