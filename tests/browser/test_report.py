"""The final report of a run: its numbers, and the pictures behind them."""

import json
from dataclasses import replace

import pytest

from resnet_demo.config import Home
from resnet_demo.runs import control
from tests.browser.test_train import open_page
from tests.conftest import wait_until

pytestmark = pytest.mark.browser


def test_the_report_of_a_finished_run_opens_the_pictures(shared, page, config, busy: Home) -> None:
    from playwright.sync_api import expect

    run = control.start(busy, config)
    wait_until(lambda: control.read_run(busy, run).state == "finished")
    report = json.loads(busy.run(run).report.read_text())
    open_page(page, shared.url, f"?run={run}")
    page.get_by_text("Final report:").click()
    page.wait_for_selector(f"#live .final[data-ready='{run}']")
    shown = page.locator("#live .final-numbers").inner_text()
    assert f"top-1 {report['top1']:.1f} %" in shown and f"n = {report['n']}" in shown
    cells = page.locator("#live .confusion td button")
    drawn = sorted(map(int, cells.all_inner_texts()))
    assert drawn == sorted(count for row in report["confusion"] for count in row if count)
    cells.first.click()
    expect(page.locator("#live .behind img")).to_have_count(int(cells.first.inner_text()))
    said = ("It made no mistake.", "Its only mistake:", "The 2 surest mistakes:")
    for mistakes, words in enumerate(said):
        worst = [{"picture": picture} for picture in range(mistakes)]
        busy.run(run).report.write_text(json.dumps(report | {"worst": worst}))
        page.get_by_text("Show the worst mistakes").click()
        expect(page.locator("#live .behind-title")).to_have_text(words)
        expect(page.locator("#live .behind figure")).to_have_count(mistakes)
    held = []
    asks = lambda request: '"confused"' in (request.post_data or "")  # noqa: E731
    page.route(
        "**/component_server/",
        lambda route: held.append(route) if asks(route.request) else route.continue_(),
    )
    cells.first.click()
    expect(page.locator("#live .behind-title")).to_contain_text("…")
    page.get_by_text("Show the worst mistakes").click()
    expect(page.locator("#live .behind-title")).to_have_text(words)
    with page.expect_response(lambda response: asks(response.request)):
        held[0].continue_()
    page.wait_for_load_state("networkidle")
    expect(page.locator("#live .behind-title")).to_have_text(words)  # the newest question's


def test_many_classes_are_named_by_how_hard_they_are(shared, page, config, busy: Home) -> None:
    run = control.start(busy, replace(config, epochs=1))
    wait_until(lambda: control.read_run(busy, run).state == "finished")
    place = busy.run(run).report
    report = json.loads(place.read_text()) | {"confusion": None}  # as with over 100 classes
    place.write_text(json.dumps(report))
    open_page(page, shared.url, f"?run={run}")
    page.get_by_text("Final report:").click()
    page.wait_for_selector(f"#live .final[data-ready='{run}']")
    rows = page.locator("#live .confusion tr").all_inner_texts()[1:]
    scores = [float(row.split("\t")[1].removesuffix(" %")) for row in rows]
    assert len(rows) == len(report["classes"]) and scores == sorted(scores)
    assert "too many for a matrix" in page.locator("#live .confusion caption").inner_text()


def test_a_report_that_did_not_come_is_asked_for_again(shared, page, config, busy: Home) -> None:
    from playwright.sync_api import expect

    run = control.start(busy, replace(config, epochs=1))
    wait_until(lambda: control.read_run(busy, run).state == "finished")
    lost = []

    def lose_one(route) -> None:
        asks = '"fn_name":"report"' in (route.request.post_data or "").replace(" ", "")
        if not asks or lost:
            return route.continue_()
        lost.append(route)
        route.abort()

    page.route("**/component_server/", lose_one)
    open_page(page, shared.url, f"?run={run}")
    page.get_by_text("Final report:").click()
    expect(page.locator("#live .final-numbers")).to_contain_text("Last epoch: top-1")
    assert lost
