"""The page as a person meets it: the first thing in sight, what jumps while it comes, the first
point after Start."""

import time
from pathlib import Path
from statistics import median

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


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    config = TrainConfig(data=data, px=128, start_px=96, iterations=2)
    control.spawn_worker(home, control.new_run(home, config)).wait()  # decodes the pictures
    with chromium() as browser, served(home) as port:
        url = f"http://127.0.0.1:{port}"
        firsts = [first_sight(browser, url) for _ in range(TIMES + 1)][1:]
        shifts = {tab: shift(browser, f"{url}/?tab={tab}") for tab in TABS}
        points = [first_point(browser, url, home, data) for _ in range(TIMES)]
    return {
        "first_in_sight_s": round(median(firsts), 2),
        "layout_shift": shifts,
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
    while not (new := set(control.run_names(home)) - before):
        page.wait_for_timeout(20)
    run = new.pop()
    page.wait_for_function(FIRST_POINT, arg=run, timeout=60_000)
    taken = time.monotonic() - started
    page.close()
    control.cancel(home, run)
    return round(taken, 2)
