"""Several runs in the same charts."""

from dataclasses import replace

import pytest

from resnet_demo.config import Home
from resnet_demo.runs import control
from resnet_demo.ui.train.feed import MAX_RUNS
from tests.browser.test_train import open_page, wait_for_points
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


def test_two_runs_are_compared_in_blue_and_orange(shared, page, config, busy: Home) -> None:
    runs = [control.start(busy, replace(config, arch=arch)) for arch in ("resnet8", "plain8")]
    for run in runs:
        wait_until(lambda run=run: control.read_run(busy, run).state == "finished")
    older, newer = runs
    open_page(page, shared.url, f"?run={newer}")
    wait_for_points(page, newer, 10)
    page.get_by_label(f"Compare run {older}").check()
    wait_for_points(page, older, 10)
    wait_for_points(page, newer, 10)
    assert "± " in page.locator("#live .runs").inner_text()
    page.get_by_text("Log", exact=True).click()
    from playwright.sync_api import expect

    expect(page.locator("#live .log-text")).to_contain_text("Epoch 3 of 3")


def test_more_runs_than_are_drawn_at_once_cannot_be_ticked(
    shared, page, config, busy: Home
) -> None:
    from playwright.sync_api import expect

    runs = [control.new_run(busy, config) for _ in range(MAX_RUNS + 1)]
    open_page(page, shared.url, f"?run={runs[0]}")
    for run in runs[1:-1]:
        page.get_by_label(f"Compare run {run}").check()
    left_out = page.get_by_label(f"Compare run {runs[-1]}")
    expect(left_out).to_be_disabled()
    expect(left_out).to_have_attribute("title", "Six runs are drawn at once: leave one out first")
    page.get_by_label(f"Compare run {runs[1]}").uncheck()
    expect(left_out).to_be_enabled()
