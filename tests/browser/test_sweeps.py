"""Settings compared over seeds, in the page."""

from pathlib import Path

import pytest

from resnet_demo.config import Home
from resnet_demo.runs import sweeps
from tests.browser.test_train import open_page, wait_for_state
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


def test_a_sweep_is_begun_and_compared(serve, page, pictures: Path) -> None:
    from playwright.sync_api import expect

    server = serve()
    open_page(page, server.url)
    wait_for_state(page, "^finished")  # the run that ships
    page.get_by_label("Pictures", exact=True).fill(f"folder:{pictures}")
    page.keyboard.press("Enter")
    page.get_by_text("Every setting", exact=True).click()
    page.get_by_label("Network", exact=True).click()
    page.get_by_role("option", name="ResNet-8", exact=True).click()
    page.get_by_label("Epochs", exact=True).fill("2")
    page.get_by_label("Side in px", exact=True).fill("16")
    page.get_by_label("Batch size", exact=True).fill("8")
    page.get_by_text("Several runs: settings and seeds").click()
    page.get_by_label("Seeds of each setting").fill("2")
    page.get_by_label("Vary").fill("lr=fast")
    page.locator("#start-sweep").click()
    expect(page.get_by_text("lr takes numbers. Got 'fast'.")).to_be_visible()
    page.get_by_label("Vary").fill("lr=0.00001,0.01")
    page.locator("#start-sweep").click()
    expect(page.locator("#sweep-said")).to_contain_text("Sweep 0001 has begun: runs 0001 to 0004.")
    page.get_by_text("Sweeps: settings compared over seeds").click()
    home = Home(server.home)
    wait_until(lambda: sweeps.results(home, sweeps.open_sweep(home, "0001"))["done"] == 4, 120)
    panel = page.locator("#sweeps")
    expect(panel.locator(".done")).to_have_text("4 of 4 runs have finished.", timeout=20_000)
    expect(panel.locator("tbody tr")).to_have_count(2)
    expect(panel.locator(".verdict")).to_contain_text("lr 0.01 against lr 1e-05: +")
    expect(panel.locator(".figure .bk-Figure")).to_be_visible(timeout=20_000)
    panel.get_by_text("0003", exact=True).click()
    expect(page.locator("#live .title")).to_contain_text("Run 0003")
