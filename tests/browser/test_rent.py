"""The form's run on a rented machine, in the page."""

from pathlib import Path

import pytest

from resnet_demo.config import Home
from resnet_demo.data.importing import import_path
from resnet_demo.progress import finish
from tests.browser.test_train import open_page, wait_for_state
from tests.conftest import draw_folder
from tests.hub import Hub
from tests.runs.test_rented import machine

pytestmark = pytest.mark.browser


def test_a_run_is_rented_and_comes_back(serve, page, hub, handler: type[Hub], tmp_path: Path):
    from playwright.sync_api import expect

    handler.machine = machine(hub, tmp_path)
    home = Home(tmp_path / "home")
    home.make()
    finish(import_path(home, "drawn", str(draw_folder(tmp_path / "drawn", 12, 4, px=32))))
    server = serve(**hub, HF_TOKEN="hf_good")
    open_page(page, server.url)
    wait_for_state(page, "^finished")  # the run that ships
    page.get_by_label("Pictures", exact=True).fill("dataset:drawn")
    page.keyboard.press("Enter")
    page.get_by_text("Every setting", exact=True).click()
    page.get_by_label("Network", exact=True).click()
    page.get_by_role("option", name="ResNet-8", exact=True).click()
    for label, value in {"Epochs": "1", "Side in px": "16", "Batch size": "8"}.items():
        page.get_by_label(label, exact=True).fill(value)
    page.get_by_text("On a machine rented from Hugging Face").click()
    machine_field = page.get_by_role("combobox", name="Machine")
    expect(machine_field).to_have_value("CPU Basic, 4 vCPU and 15 GB: $0.01 an hour")
    page.locator("#rent-price").click()
    expect(page.get_by_text("'' is not of the form USER/REPO.")).to_be_visible()
    expect(page.locator("#rent")).to_be_hidden()
    page.get_by_label("Repository it goes through").fill("me/runs")
    page.locator("#rent-price").click()
    expect(page.locator("#rent-said")).to_contain_text("at most $0.02 for 2 h")
    page.locator("#rent").click()
    expect(page.locator("#rent-said")).to_contain_text("Run 0001 is on its way", timeout=60_000)
    expect(page.locator("#live .title")).to_contain_text("Run 0001", timeout=30_000)
    wait_for_state(page, "^finished")
