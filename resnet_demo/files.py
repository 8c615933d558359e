"""Writing a file so that a reader, or a power cut, never finds half of it; and reading JSON."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from threading import get_ident
from typing import Any, BinaryIO

Json = dict[str, Any]  # an object as JSON has it; its keys are a contract (tests/golden)


def write_whole(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Temporary file -> fsync -> rename -> fsync of the folder; OSError leaves the old file."""
    partial = path.with_name(f".{path.name}.{os.getpid()}-{get_ident()}.partial")
    try:
        with partial.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)
    sync_folder(path.parent)


def write_json(path: Path, content: object) -> None:
    data = json.dumps(content).encode()
    write_whole(path, lambda file: file.write(data))


def read_json(path: Path) -> Json | None:
    """What `write_json` wrote; None when it is not there, or damaged."""
    try:
        content = json.loads(path.read_bytes())
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def printable(name: str) -> str:
    """A name as any terminal, log and JSON takes it: bytes that are not UTF-8 (a disk's names can
    have them) and control characters are spelled out, as in `\\xff`."""
    whole = os.fsencode(name).decode(errors="backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in whole)


def plain(value: Any) -> Any:
    """JSON has no NaN, and UTF-8 no halves of characters (names on a disk can have them)."""
    try:
        json.dumps(value, ensure_ascii=False, allow_nan=False).encode()
    except ValueError:
        return mended(value)
    except TypeError:  # a widget, not JSON
        pass
    return value


def mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="replace").decode()
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if isinstance(value, dict):
        return {mended(key): mended(part) for key, part in value.items()}
    return [mended(part) for part in value] if isinstance(value, list | tuple) else value


def sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def numbered_folder(parent: Path) -> Path:
    """A new folder in `parent`, named by the next number: 0001, 0002, ..."""
    number = max((int(p.name) for p in parent.iterdir() if p.name.isdecimal()), default=0) + 1
    while True:
        try:
            (parent / f"{number:04d}").mkdir()
            return parent / f"{number:04d}"
        except FileExistsError:  # another start took the number
            number += 1
