"""A Python that has only the packages one names, and what these require: as in a new environment
after `pip install`, without the wait."""

import importlib.metadata
import os
import subprocess
import sys
from collections import deque
from pathlib import Path

from packaging.requirements import Requirement


def needed(names: list[str]) -> dict[str, importlib.metadata.Distribution]:
    """The packages and all that they require here."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = deque(names)
    while waiting:
        name = waiting.popleft()
        if name in found:
            continue
        found[name] = importlib.metadata.distribution(name)
        wanted = map(Requirement, found[name].requires or [])
        waiting += [
            one.name.lower()
            for one in wanted
            if one.marker is None or one.marker.evaluate({"extra": ""})
        ]
    return found


def environment(place: Path, names: list[str]) -> dict[str, str]:
    """Of a process that is started with `-S`: their folders and files, linked into `place`."""
    place.mkdir()
    for distribution in needed(names).values():
        for top in {path.parts[0] for path in distribution.files or () if path.parts[0] != ".."}:
            link = place / top
            if top != "__pycache__" and not link.exists():
                link.symlink_to(Path(str(distribution.locate_file(top))))
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return {**kept, "PYTHONPATH": str(place), "PYTHONDONTWRITEBYTECODE": "1"}


def run(code: str, names: list[str], place: Path, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-S", "-c", code], cwd=folder, env=environment(place, names),
        capture_output=True, text=True, timeout=120,
    )  # fmt: skip
