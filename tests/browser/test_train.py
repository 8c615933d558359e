"""Start -> live chart -> reload -> stop -> resume, as a person does it."""

import json
import re
import signal
from dataclasses import replace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.store import Store
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
LONG = 5000  # epochs: until it is told otherwise
COLOUR_AT_REST = (
    "node => Promise.all(node.getAnimations().map(each => each.finished))"
    ".then(() => getComputedStyle(node).backgroundColor)"
)


def open_page(page, url: str, query: str = "") -> None:
    page.goto(url + query)
    page.wait_for_selector("#live .live", timeout=30_000)


def state(page):
    return page.locator("#live .state")


def wait_for_state(page, words: str) -> None:
    from playwright.sync_api import expect

    expect(state(page)).to_have_text(re.compile(words), timeout=180_000)


def points(page, run: str, key: str) -> int:
    return len(drawn(page, run, key)[0])


def drawn(page, run: str, key: str) -> list[list[float]]:
    """A line's [x, y], as BokehJS holds them; also while Gradio reloads a page whose server came
    back."""
    found = page.wait_for_function(
        "([run, key]) => document.querySelector('#live .live')?.drawnPoints?.(run, key)",
        arg=[run, key],
    )
    return found.json_value()


def wait_for_points(page, run: str, more_than: int) -> None:
    page.wait_for_function(
        "([run, n]) => document.querySelector('#live .live')?.drawnPoints?.(run, 'loss')[0]"
        ".length > n",
        arg=[run, more_than],
        timeout=60_000,
    )


def start_long(home: Home, config: TrainConfig, **changes: object) -> str:
    run = control.start(home, replace(config, epochs=LONG, **changes))
    wait_until(lambda: control.read_run(home, run).step > 5)
    return run


def test_start_watch_reload_stop_resume(serve, page, config: TrainConfig) -> None:
    from playwright.sync_api import expect

    server = serve()
    home = Home(server.home)
    open_page(page, server.url)
    expect(page.locator("#live .title")).to_have_text("The network that ships with this page")
    wait_for_state(page, "^finished")
    own = page.get_by_role("radio", name="my own")
    own.check()
    own.blur()
    own.hover()
    assert own.evaluate(COLOUR_AT_REST) != "rgb(255, 255, 255)"
    page.get_by_text("Every setting", exact=True).click()
    page.get_by_label("Pictures", exact=True).fill(config.data)
    page.get_by_label("Pictures", exact=True).press("Enter")
    page.get_by_label("Network", exact=True).click()
    page.get_by_role("option", name="ResNet-8", exact=True).click()
    page.get_by_label("Epochs", exact=True).fill(str(LONG))
    page.get_by_label("Side in px", exact=True).fill("16")
    page.get_by_label("Batch size", exact=True).fill("8")
    page.get_by_label("Batch size", exact=True).press("Tab")
    page.locator("#start").click()
    wait_for_state(page, "^running")
    wait_for_points(page, "0001", 5)
    expect(page.get_by_label("Epochs", exact=True)).to_be_hidden()  # the form folds away
    assert "run=0001" in page.url
    page.get_by_role("button", name="Pause").click()
    wait_for_state(page, "^paused")
    page.reload()
    wait_for_state(page, "^paused")
    page.get_by_text("Every setting", exact=True).click()
    expect(page.get_by_label("Epochs", exact=True)).to_have_value(str(LONG))  # what runs
    expect(page.get_by_label("Side in px", exact=True)).to_have_value("16")
    seen = control.read_run(home, "0001").step
    wait_for_points(page, "0001", min(seen, 600) - 1)
    page.get_by_role("button", name="Resume").click()
    wait_for_state(page, "^running")
    page.get_by_role("button", name="Stop").click()
    wait_for_state(page, "^stopped")
    stopped_at = control.read_run(home, "0001").step
    wait_until(lambda: not is_held(home.run("0001").lock))
    page.get_by_role("button", name="Resume").click()
    wait_for_state(page, "^running")
    wait_until(lambda: control.read_run(home, "0001").step > stopped_at)


def test_the_last_drawn_point_is_the_stores_last_row(shared, page, config, busy: Home) -> None:
    run = start_long(busy, config)
    open_page(page, shared.url, f"?run={run}")
    wait_for_points(page, run, 5)
    control.send(busy, run, "pause")
    wait_for_state(page, "^paused")
    with Store(control.run_folder(busy, run)) as store:
        rows = store.metrics(["loss", "top1"])
    page.wait_for_function(
        "([run, last]) => document.querySelector('#live .live').drawnPoints(run, 'loss')[0]"
        ".at(-1) === last",
        arg=[run, rows["loss"][-1][0]],
    )
    steps, values = drawn(page, run, "loss")
    assert (steps[-1], values[-1]) == (rows["loss"][-1][0], float(f"{rows['loss'][-1][1]:.5g}"))
    steps, values = drawn(page, run, "top1")
    assert (steps[-1], values[-1]) == (rows["top1"][-1][0], float(f"{rows['top1'][-1][1]:.5g}"))


def test_zoom_is_kept_and_shared_and_nothing_piles_up(shared, page, config, busy: Home) -> None:
    run = start_long(busy, config)
    open_page(page, shared.url, f"?run={run}")
    wait_for_points(page, run, 20)
    chart = page.locator("#live .charts figure").first.locator("canvas").first
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 120, box["y"] + 100)
    page.mouse.down()
    page.mouse.move(box["x"] + 220, box["y"] + 110, steps=5)
    page.mouse.up()
    ranges = "() => document.querySelector('#live .live').ranges()"
    page.wait_for_function("() => document.querySelector('#live .live').zoomed()")
    zoomed = page.evaluate(ranges)
    assert len({tuple(each) for each in zoomed}) == 1
    nodes = "() => document.querySelectorAll('*').length"
    before_nodes, before_points = page.evaluate(nodes), points(page, run, "loss")
    # 20 ticks without waiting for the clock
    page.evaluate(
        "async () => { const live = document.querySelector('#live .live');"
        "for (let i = 0; i < 20; i++) await live.tick(); }"
    )
    wait_for_points(page, run, before_points)
    assert page.evaluate(ranges) == zoomed
    assert page.evaluate(nodes) <= before_nodes + 5


def test_a_killed_server_is_found_again_without_reload(serve, page, config, home: Home) -> None:
    from playwright.sync_api import expect

    run = start_long(home, config)
    server = serve(home.path)
    open_page(page, server.url)
    wait_for_points(page, run, 5)
    server.kill(signal.SIGKILL)
    wait_for_state(page, "no answer from the server")
    page.get_by_role("button", name="Download CSV").click()
    expect(page.locator("#live .answer")).to_have_text("The server did not answer. Try again.")
    seen = points(page, run, "loss")
    serve(home.path, port=server.port)
    wait_for_points(page, run, seen)
    wait_for_state(page, "^running")
    steps = drawn(page, run, "loss")[0]
    assert steps == sorted(set(steps))


def test_a_killed_worker_is_offered_for_resume(shared, page, config, busy: Home) -> None:
    run = control.new_run(busy, replace(config, epochs=LONG), save_every=1)
    process = control.spawn_worker(busy, run)
    wait_until(lambda: list(busy.run(run).checkpoints.iterdir()))
    open_page(page, shared.url, f"?run={run}")
    wait_for_state(page, "^running")
    process.kill()
    process.wait()
    wait_for_state(page, "^interrupted")
    page.get_by_role("button", name="Resume").click()
    wait_for_state(page, "^running")


def test_tabs_and_runs_have_addresses_and_back_leads_back(shared, page) -> None:
    from playwright.sync_api import expect

    open_page(page, shared.url, "?run=0777")
    expect(page.locator("#live .answer")).to_contain_text("There is no run 0777")
    for name in ("Classify", "Lab"):
        page.get_by_role("tab", name=name).click()
        assert f"tab={name.lower()}" in page.url
    page.go_back()
    expect(page.get_by_role("tab", name="Classify")).to_have_attribute("aria-selected", "true")
    page.go_back()
    expect(page.get_by_role("tab", name="Train")).to_have_attribute("aria-selected", "true")


def test_mistakes_are_told_in_a_sentence(shared, page) -> None:
    from playwright.sync_api import expect

    before = control.run_names(Home(shared.home))
    open_page(page, shared.url)
    page.get_by_text("Every setting", exact=True).click()
    page.get_by_label("Epochs", exact=True).fill("0")
    page.locator("#start").click()
    expect(page.locator("[data-testid=toast-body]")).to_contain_text("epochs must lie between")
    assert control.run_names(Home(shared.home)) == before


def test_a_change_of_a_run_is_answered_part_by_part(shared, page, config, busy: Home) -> None:
    from playwright.sync_api import expect

    run = start_long(busy, config)
    open_page(page, shared.url, f"?run={run}")
    wait_for_state(page, "^running")
    answer = page.locator("#live .answer")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(answer).to_contain_text("Write a new lr")
    page.get_by_label("New learning rate").fill("0.02")
    page.get_by_label("New number of epochs").fill("0")
    page.get_by_role("button", name="Change", exact=True).click()
    expect(answer).to_contain_text("epochs must lie between")
    expect(answer).to_contain_text("0.02")


def test_a_run_is_removed_only_when_a_person_agrees(shared, page, config, busy: Home) -> None:
    run = start_long(busy, config)
    open_page(page, shared.url, f"?run={run}")
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.keyboard.press("Enter")  # Keep has the focus
    page.get_by_role("dialog").wait_for(state="detached")
    assert control.read_run(busy, run).state == "running"
    page.get_by_role("button", name="Cancel", exact=True).click()
    page.get_by_role("button", name="Remove").click()
    wait_until(lambda: run not in control.run_names(busy))


def test_a_narrow_dark_page_does_not_overflow(shared, browser, config, busy: Home) -> None:
    run = control.start(busy, config)
    wait_until(lambda: control.read_run(busy, run).state == "finished")
    context = browser.new_context(viewport={"width": 390, "height": 800}, color_scheme="dark")
    page = context.new_page()
    open_page(page, shared.url, f"?run={run}")
    wait_for_points(page, run, 10)
    width = page.evaluate("() => document.documentElement.scrollWidth")
    context.close()
    assert width <= 390


def test_the_preview_shows_augmented_pictures(shared, page, config) -> None:
    from playwright.sync_api import expect

    open_page(page, shared.url)
    page.get_by_label("Pictures", exact=True).fill("shapes")
    page.get_by_label("Pictures", exact=True).press("Enter")
    page.get_by_role("button", name="Show the pictures").click()
    expect(page.locator("#preview img")).to_have_count(10, timeout=60_000)
    expect(page.locator("#preview img").first).to_be_in_viewport()


def test_a_tick_moves_less_than_two_kilobytes(shared, page, config, busy: Home) -> None:
    run = start_long(busy, config)
    open_page(page, shared.url, f"?run={run}")
    wait_for_points(page, run, 5)
    control.send(busy, run, "pause")
    wait_for_state(page, "^paused")
    with Store(control.run_folder(busy, run)) as store:
        last = store.fact("step")
        store.add_metrics(last + 1, {"loss": 1.0, "lr": 0.1, "images_per_s": 9.9})
    with page.expect_response(lambda answer: f"[[{last + 1}]," in answer.text()) as caught:
        pass
    body = caught.value.body()
    assert json.loads(body)["series"][run]["lines"]["loss"] == [[last + 1], [1.0]]
    assert len(body) <= 2000
