"""The weights of a pretrained network on their way, seen by a person."""

import re
import threading
from pathlib import Path

import pytest

from tests.hub import Hub
from tests.models.test_hub import put, random_weights

pytestmark = pytest.mark.browser


def test_a_download_shows_how_far_it_is(
    hub,
    serve,
    page,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from playwright.sync_api import expect

    put(tmp_path / "hub", "timm/resnet10t.c3_in1k", random_weights(tmp_path / "w", "resnet10t"))
    rest = threading.Event()

    class Halting:
        """Sends half and waits."""

        def __init__(self, file) -> None:
            self.file = file

        def __getattr__(self, name: str):
            return getattr(self.file, name)

        def write(self, data: bytes) -> None:
            half = len(data) // 2 if len(data) > 10**6 else 0
            self.file.write(data[:half])
            self.file.flush()
            if half:
                assert rest.wait(60)
            self.file.write(data[half:])

    setup = Hub.setup

    def halting_setup(self: Hub) -> None:
        setup(self)
        self.wfile = Halting(self.wfile)

    monkeypatch.setattr(Hub, "setup", halting_setup)
    page.goto(f"{serve(**hub).url}/?tab=classify&model=timm:resnet10t.c3_in1k")
    page.locator("#examples button, .gallery-item").locator("visible=true").first.click()
    expect(page.locator("#opinion-first")).to_contain_text(
        re.compile(r"model.safetensors - [45]\d\.\d%"), timeout=60_000
    )
    rest.set()
    expect(page.locator("#opinion-first")).to_contain_text("It knows 1,000 things", timeout=60_000)
