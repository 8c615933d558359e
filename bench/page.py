"""The page as a person meets it: the first thing in sight, what jumps while it comes, how long it
stands still when something is pressed, the first point after Start."""

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import Any

from bench.viewers import chromium, served
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control

TABS = ("train", "classify", "inspect", "lab", "read")
TIMES, SETTLE_MS = 5, 8000
# Sums what the browser calls unexpected shifts, of this page from its beginning.
WATCH = """
window.shifts = 0;
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) if (!entry.hadRecentInput) window.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
"""
# The head's figure with a measured norm in it, or the shipped run's accuracy.
IN_SIGHT = """() => document.querySelector(".page-head .out")?.textContent.trim()
  || document.querySelector("#live .live .title")?.textContent.trim()"""
FIRST_POINT = (
    "run => document.querySelector('#live .live')?.drawnPoints?.(run, 'loss')[0].length > 0"
)
WINDOW = {"width": 1280, "height": 800}
LONGEST = """
window.longest = 0;
new PerformanceObserver(list => {
  for (const {duration} of list.getEntries()) window.longest = Math.max(window.longest, duration);
}).observe({type: "longtask"});
"""
# What costs the browser most: where, what is there before, and what is pressed or moved then.
PAIR = "?tab=inspect&model=bundled:resnet56&beside=bundled:plain56"
BOTH = "(document.querySelector('#inspect .inspect')?.dataset.drawn || '').endsWith('plain56+')"
GUESS = "document.querySelector('#lab .guess')?.checkVisibility()"
HEAVY: dict[str, tuple[str, str, Callable[[Any], object]]] = {
    "another block, two networks": (PAIR, BOTH, lambda page: page.locator(".tile").nth(9).click()),
    "a dimmer, two networks": (PAIR, BOTH, lambda page: page.locator(".dim-b").fill("0.8")),
    "the race of a lab": (
        "?tab=lab", GUESS, lambda page: page.get_by_role("button", name="Show the race").click()
    ),
    "the charts of a run": (
        "?tab=lab", GUESS, lambda page: page.get_by_role("tab", name="Train").click()
    ),
}  # fmt: skip


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    config = TrainConfig(data=data, px=128, start_px=96, iterations=2)
    control.spawn_worker(home, control.new_run(home, config)).wait()  # decodes the pictures
    with chromium() as browser, served(home) as port:
        url = f"http://127.0.0.1:{port}"
        firsts = [first_sight(browser, url) for _ in range(TIMES + 1)][1:]
        shifts = {tab: shift(browser, f"{url}/?tab={tab}") for tab in TABS}
        longest = {name: longest_task(browser, url, *heavy) for name, heavy in HEAVY.items()}
        points = [first_point(browser, url, home, data) for _ in range(TIMES)]
    return {
        "first_in_sight_s": round(median(firsts), 2),
        "layout_shift": shifts,
        "longest_task_ms": longest,
        "first_loss_point_s": round(median(points), 2),
        "first_loss_points_s": points,
    }


def first_sight(browser: object, url: str) -> float:
    """Seconds from the server's answer until something moving or measured is in sight."""
    page = browser.new_page(viewport=WINDOW)
    page.goto(url, wait_until="commit")
    page.wait_for_function(IN_SIGHT)
    answered = page.evaluate("performance.getEntriesByType('navigation')[0].responseStart")
    now = page.evaluate("performance.now()")
    page.close()
    return (now - answered) / 1000


def shift(browser: object, address: str) -> float:
    page = browser.new_page(viewport=WINDOW)
    page.add_init_script(WATCH)
    page.goto(address)
    page.wait_for_timeout(SETTLE_MS)
    found = page.evaluate("window.shifts")
    page.close()
    return round(found, 3)


def longest_task(
    browser: Any, url: str, address: str, ready: str, act: Callable[[Any], object]
) -> int:
    """Milliseconds that the page's main thread was taken at most, at once; 0: less than 50."""
    page = browser.new_page(viewport=WINDOW)
    page.add_init_script(LONGEST)
    page.goto(f"{url}/{address}")
    page.wait_for_function(ready)
    page.wait_for_timeout(SETTLE_MS)
    page.evaluate("window.longest = 0")
    act(page)
    page.wait_for_timeout(SETTLE_MS)
    longest = page.evaluate("window.longest")
    page.close()
    return round(longest)


def first_point(browser: object, url: str, home: Home, data: str) -> float:
    """Seconds from a press of Start to the first point of its loss, on decoded pictures."""
    before = set(control.run_names(home))
    page = browser.new_page(viewport=WINDOW)
    page.goto(url)
    page.get_by_role("radio", name="my own").check()
    page.get_by_text("Every setting", exact=True).click()
    page.get_by_label("Pictures", exact=True).fill(data)
    page.get_by_label("Pictures", exact=True).press("Enter")
    page.wait_for_timeout(SETTLE_MS)  # the form's own estimates
    started = time.monotonic()
    page.locator("#start").click()
    wait_until(page, lambda: set(control.run_names(home)) > before)
    (run,) = set(control.run_names(home)) - before
    page.wait_for_function(FIRST_POINT, arg=run, timeout=60_000, polling=100)  # ms: to ask costs
    taken = time.monotonic() - started
    control.cancel(home, run)
    wait_until(page, lambda: run not in control.run_names(home))  # else the next has its name
    page.close()
    return round(taken, 2)


def wait_until(page: Any, holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("nothing came of it in 60 s")
        page.wait_for_timeout(20)
