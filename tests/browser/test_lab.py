"""Guess, race, verdict, why: as a person does it."""

import json
from pathlib import Path

import pytest

from resnet_demo.config import Home
from resnet_demo.lab import degradation
from resnet_demo.lab import store as labs
from tests.conftest import draw_folder, wait_until

pytestmark = pytest.mark.browser
PANEL = "#lab .lab"


def points(page, name: str) -> list[list[float]]:
    return page.evaluate(f"name => document.querySelector('{PANEL}').drawnPoints(name)", name)


def start(page, url: str, data: str) -> None:
    page.goto(url)
    page.get_by_role("tab", name="Lab").click()
    page.get_by_text("This lab came with the page").wait_for()
    page.locator("#lab-data input").fill(data)
    page.keyboard.press("Enter")
    layers = page.locator("#lab-layers").locator("input, textarea")
    layers.fill("20, 35")
    page.locator("#start-lab").click()
    refusal = page.locator("[data-testid=toast-body]", has_text="35 layers cannot be built")
    refusal.get_by_test_id("toast-close").click()  # until it is over a second press does nothing
    refusal.wait_for(state="detached")
    layers.fill("8, 14")
    page.locator("#start-lab").click()


def test_a_lab_from_the_guess_to_the_report(serve, page, tmp_path: Path) -> None:
    from playwright.sync_api import expect

    server = serve()
    home = Home(server.home)
    data = draw_folder(tmp_path / "data", 100, 30, px=32)  # long enough to be paused
    start(page, server.url, f"folder:{data}")
    panel = page.locator(PANEL)
    expect(panel.locator(".state")).to_contain_text("Lab 0001", timeout=60_000)
    assert "lab=0001" in page.url
    panel.get_by_text("Guess first").wait_for()
    expect(panel.locator(".raced")).to_be_hidden()
    for place, answer in ((".plain", "8 layers"), (".residual", "14 layers")):
        panel.locator(f".guess {place}").get_by_label(answer).check()
    panel.locator(".guess .place").get_by_label("between the two").check()
    assert panel.locator(".depth option[value='35']").is_disabled()
    panel.get_by_role("button", name="Show the race").click()
    expect(panel.locator(".raced")).to_be_visible()
    expect(panel.locator(".race figure")).to_have_count(2, timeout=60_000)
    wait_until(lambda: len(points(page, "plain14 train")[0]) > 1, 300)

    panel.get_by_role("button", name="Pause").click()
    expect(panel.locator(".state")).to_contain_text("is paused", timeout=60_000)
    page.reload()
    expect(panel.locator(".state")).to_contain_text("is paused", timeout=60_000)
    expect(panel.locator(".raced")).to_be_visible()  # the guess is remembered
    panel.get_by_role("button", name="Resume").click()
    expect(panel.locator(".state")).to_contain_text("is finished", timeout=900_000)
    expect(panel.locator(".verdict")).to_contain_text("Does depth hurt plain networks?")
    expect(panel.locator(".guessed p")).to_have_count(3)
    expect(panel.locator(".why figure")).to_have_count(6, timeout=60_000)

    lab = labs.open_lab(home, "0001")
    found = degradation.summary(lab, labs.snapshots(home, lab))
    for row in found["rows"]:
        steps, values = points(page, f"{row['arch']} val")
        assert len(steps) == 5 and values[-1] == pytest.approx(row["val_error"], abs=0.01)
    shown = panel.locator(".errors tbody").inner_text()
    assert f"{found['table'][0]['plain']['train']['mean']:.1f} ±" in shown
    with page.expect_download() as download:
        panel.get_by_role("button", name="JSON").click()
    assert json.loads(download.value.path().read_text())["rows"] == found["rows"]
    with page.expect_download() as download:
        panel.get_by_role("button", name="Report").click()
    assert download.value.path().read_text().startswith("<!doctype html>")


REFUSE = """Object.defineProperty(window, 'localStorage', {
  get() { throw new DOMException('Access is denied for this document.', 'SecurityError'); },
});"""


def test_a_browser_that_keeps_nothing_for_a_page_shows_all_of_it(shared, page) -> None:
    """As for a Space, which stands in a frame of the Hub's."""
    from playwright.sync_api import expect

    page.add_init_script(REFUSE)
    page.goto(shared.url)
    expect(page.locator("#live .numbers")).to_contain_text("best 91.2 %")
    page.get_by_role("tab", name="Lab").click()
    page.locator(PANEL).get_by_role("button", name="Skip").click()
    expect(page.locator(PANEL).locator(".race figure")).to_have_count(2, timeout=60_000)
