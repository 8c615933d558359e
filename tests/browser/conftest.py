"""Chromium from the system; tests are skipped where there is none, but not where CI is set."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.config import Home
from tests.conftest import end_runs

# The shell is Chromium without what draws its own window.
BROWSERS = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-sync "
    "--disable-background-networking --disable-component-update "
    "--use-fake-device-for-media-stream=fps=5 --use-fake-ui-for-media-stream"
).split()


@pytest.fixture(scope="session")
def browser() -> Iterator[object]:
    from playwright.sync_api import expect, sync_playwright

    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        assert not os.environ.get("CI"), "no Chromium; install it, e.g. apt-get install chromium"
        pytest.skip("no Chromium on this machine")
    expect.set_options(timeout=30_000)  # ms: a busy machine is no failure
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def page(browser) -> Iterator[object]:
    """A fresh page that fails the test on any script error or request to another host."""
    context = browser.new_context(viewport={"width": 1280, "height": 1000})
    opened = context.new_page()
    problems: list[str] = []
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.on(
        "request",
        lambda request: (
            None
            if request.url.startswith(("http://127.0.0.1", "data:", "blob:"))
            else problems.append(request.url)
        ),
    )
    yield opened
    context.close()
    assert not problems, problems


@pytest.fixture
def red(tmp_path: Path) -> Path:
    path = tmp_path / "red thing.png"
    noise = np.random.default_rng(0).integers(0, 100, (60, 80, 3)) + np.array([150, 0, 0])
    Image.fromarray(noise.astype(np.uint8)).save(path)
    return path


@pytest.fixture
def busy(shared) -> Iterator[Home]:
    """The home of the shared page; what a test begins there ends with it."""
    yield Home(shared.home)
    end_runs(Home(shared.home))
