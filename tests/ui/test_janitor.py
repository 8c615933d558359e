"""Uploads are bounded in age and size, and leave room for training."""

import asyncio
import os
import time
from pathlib import Path

from anyio.from_thread import start_blocking_portal

from resnet_demo.config import Home
from resnet_demo.ui import access, janitor, page
from resnet_demo.ui.access import UPLOAD, BodyLimit
from resnet_demo.ui.janitor import sweep

HOUR = 3600.0


def put(folder: Path, name: str, size: int, age: float) -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(bytes(size))
    for place in (path, path.parent):
        os.utime(place, (time.time() - age,) * 2)
    return path


def test_old_files_go_then_the_oldest_until_the_rest_is_small(tmp_path: Path) -> None:
    old, older = put(tmp_path, "a/old", 10, 2 * HOUR), put(tmp_path, "b/older", 10, 3 * HOUR)
    files = [put(tmp_path, f"c/{age}", 100, age) for age in (50, 40, 30, 20)]
    assert sweep(tmp_path, HOUR, 1000) == 2
    assert not old.exists() and not older.exists() and all(path.exists() for path in files)
    os.utime(old.parent, (1, 1))
    assert sweep(tmp_path, HOUR, 1000) == 0 and not old.parent.exists()
    assert sweep(tmp_path, HOUR, 250) == 2
    assert [path.exists() for path in files] == [False, False, True, True]


def test_what_the_page_itself_shows_stays(home: Home, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("GRADIO_TEMP_DIR", str(tmp_path / "uploads"))
    built = page.build(home)
    shown = [
        Path(sample[0]["path"])
        for component in built.get_config_file()["components"]
        if component["type"] == "dataset"
        for sample in component["props"]["samples"]
    ]
    put(tmp_path / "uploads", "a/picture", 10, 0)
    assert len(shown) == 6  # three in Classify, three in Inspect
    assert sweep(tmp_path / "uploads", 0, 0, page.offered(built)) == 1
    assert all(path.is_file() for path in shown)


def test_links_are_removed_and_not_followed(tmp_path: Path) -> None:
    kept = put(tmp_path / "elsewhere", "kept", 10, 2 * HOUR)
    (tmp_path / "up").mkdir()
    link = tmp_path / "up" / "link"
    link.symlink_to(kept.parent)
    os.utime(link, (1, 1), follow_symlinks=False)
    assert sweep(tmp_path / "up", HOUR, 1000) == 1
    assert kept.exists() and not link.is_symlink()


def answered(messages: list[dict | None], path: str = UPLOAD) -> list[int]:
    """The status of an upload whose body comes in these parts; None: never."""
    statuses: list[int] = []
    waiting = iter(messages)

    async def receive() -> dict:
        message = next(waiting, None)
        if message is None:
            await asyncio.Event().wait()
        return message

    async def send(message: dict) -> None:
        if "status" in message:
            statuses.append(message["status"])

    async def page(scope, receive, send) -> None:
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": []})

    scope = {"type": "http", "path": path, "headers": []}
    with start_blocking_portal() as own_loop:  # pytest's thread may hold Playwright's
        own_loop.call(BodyLimit(page, 1000, 1000), scope, receive, send)
    return statuses


def part(more: bool) -> dict:
    return {"type": "http.request", "body": b"x" * 10, "more_body": more}


def test_an_upload_that_falls_silent_is_given_up(monkeypatch) -> None:
    monkeypatch.setattr(access, "BODY_SECONDS", 0.01)
    assert answered([part(True), None]) == [408]
    assert answered([part(True), part(False)]) == [200]


def test_nothing_is_uploaded_to_a_disk_that_is_nearly_full(monkeypatch) -> None:
    monkeypatch.setattr(janitor, "FREE_BYTES", 2**62)
    assert answered([part(False)]) == [507]
    assert answered([part(False)], "/gradio_api/call/runs") == [200]
