"""What watching costs: training with 20 pages and with none, in turn; a tick in the browser; one
poll of a lab of 24 runs."""

import http.client
import json
import os
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.start import free_port
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.store import Store

ROOT = Path(__file__).resolve().parent.parent
VIEWERS, PAIRS, WINDOW_SECONDS = 20, 5, 20
POINTS, TICKS = 10_000, 30
LAB_DEPTHS, LAB_SEEDS, POLLS = (20, 32, 44, 56), 3, 9
ARGUMENTS = "--headless --no-sandbox --disable-gpu --disable-background-networking".split()


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    with served(home) as port:
        url = f"http://127.0.0.1:{port}"
        watched = {"viewers": slowing(home, url, data), "tick": tick_cost(home, url)}
    return {**watched, "lab_poll": lab_poll(Home(place / "lab"))}


@contextmanager
def served(home: Home) -> Iterator[int]:
    """The page in a process of its own; yields its port."""
    port = free_port()
    server = subprocess.Popen(
        [sys.executable, "app.py", "--home", str(home.path), "--port", str(port)],
        cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    server.stdout.readline()
    try:
        yield port
    finally:
        server.kill()
        server.wait()


def slowing(home: Home, url: str, data: str) -> dict[str, object]:
    """Speed of a training run watched by 20 pages over its speed alone, window by window."""
    run = control.start(home, TrainConfig(data=data, px=128, start_px=128, epochs=1000))
    component = live_component(url)
    with Store(control.run_folder(home, run)) as store:
        while store.fact("step", 0) < 10:
            time.sleep(0.1)
        pairs = []
        for _ in range(PAIRS):
            alone = window(store)
            with ThreadPoolExecutor(VIEWERS) as pool:
                done = threading.Event()
                watchers = [
                    pool.submit(watch, url, component, run, done, number / VIEWERS)
                    for number in range(VIEWERS)
                ]
                try:
                    watched = window(store)
                finally:
                    done.set()
            for watcher in watchers:
                watcher.result()  # who got no answer has watched nothing
            pairs.append((round(watched, 1), round(alone, 1)))
    control.cancel(home, run)
    return {"ratio": round(median(a / b for a, b in pairs), 3), "pairs_images_per_s": pairs}


def window(store: Store) -> float:
    """Images a second over some twenty seconds: each step weighs by the time that it took."""
    first = store.fact("step")
    rates: list[tuple[int, float]] = []
    while not rates:  # beside a crowd a step can be longer than the window
        time.sleep(WINDOW_SECONDS)
        rates = store.metrics(["images_per_s"], first + 1)["images_per_s"]
    return len(rates) / sum(1 / rate for _, rate in rates)


def live_component(url: str) -> int:
    config = json.load(urllib.request.urlopen(f"{url}/config"))
    return next(c["id"] for c in config["components"] if c["props"].get("elem_id") == "live")


def watch(url: str, component: int, run: str, done: threading.Event, offset: float) -> None:
    """What train/panel.js asks, at the pace that the server wishes, over one connection."""
    done.wait(offset)
    cursor, digest, pace = {}, "", 1.0
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=10)
    while not done.wait(pace):
        asked = {"main": run, "digest": digest, "runs": {run: cursor}, "viewer": str(offset)}
        answer = ask(connection, component, asked)
        news, digest, pace = answer["series"][run], answer["digest"], answer["pace"]
        steps = [points[0][-1] for points in news["lines"].values()]
        last = max([cursor.get("step", -1), *steps])
        cursor = {"generation": news["generation"], "step": last, "epoch": last}


def ask(connection: http.client.HTTPConnection, component: int, asked: dict) -> dict:
    body = {"data": asked, "component_id": component, "fn_name": "poll", "session_hash": "bench"}
    connection.request(
        "POST",
        "/gradio_api/component_server",
        json.dumps(body),
        {"Content-Type": "application/json"},
    )
    return json.load(connection.getresponse())


def tick_cost(home: Home, url: str) -> dict[str, object]:
    """Main-thread milliseconds of a tick with 10,000 points a chart, above an idle page."""
    run = crowded_run(home)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        page.goto(f"{url}/?run={run}")
        page.wait_for_function(
            "run => document.querySelector('#live .live')?.drawnPoints?.(run, 'loss')[0][9]",
            arg=run,
        )
        page.wait_for_timeout(3000)
        devtools = page.context.new_cdp_session(page)
        devtools.send("Performance.enable")
        costs = {"idle": [], "ticks": []}
        for _ in range(TICKS):
            costs["idle"].append(busy(devtools, page, lambda: None))
            costs["ticks"].append(busy(devtools, page, lambda: add_points(home, run)))
    idle, ticks = median(costs["idle"]), median(costs["ticks"])
    return {"ms_above_idle": round(ticks - idle, 1), "ms_idle_second": round(idle, 1)}


@contextmanager
def chromium() -> Iterator[object]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("google-chrome")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


def busy(devtools, page, before) -> float:
    """Milliseconds of main-thread work in one second, in which one poll is made."""
    before()
    start = task_ms(devtools)
    page.wait_for_timeout(1000)
    return task_ms(devtools) - start


def task_ms(devtools) -> float:
    metrics = devtools.send("Performance.getMetrics")["metrics"]
    return 1000 * next(m["value"] for m in metrics if m["name"] == "TaskDuration")


def crowded_run(home: Home) -> str:
    """A run with 10,000 points a line that looks alive: its lock is held by this process."""
    from resnet_demo.runs.locks import try_lock

    run = control.new_run(home, TrainConfig(data="shapes"))
    folder = control.run_folder(home, run)
    crowded_run.lock = try_lock(folder.lock)
    blocks = [f"layer{stage}.{index}" for stage in range(1, 5) for index in range(2)]
    with Store(folder) as store:
        store.set(state="running", blocks=blocks, generation=1, steps=2 * POINTS, num_val=3925)
        store.db.execute("BEGIN")
        for step in range(POINTS):
            insert(store, step, blocks if step % 20 == 0 else [])
        store.db.execute("COMMIT")
        store.set(step=POINTS)
    return run


def insert(store: Store, step: int, blocks: list[str]) -> None:
    metrics = {"loss": 2 + (step * 7919 % 100) / 100, "lr": 0.1, "images_per_s": 100 + step % 9}
    metrics |= {f"param_norm/{block}": 2.0 for block in blocks}
    metrics |= {f"param_grad_norm/{block}": 0.1 + step % 5 for block in blocks}
    if step % 150 == 149:
        metrics |= {"top1": 80.0, "val_loss": 0.6, "train_loss": 0.5, "train_error": 9.0}
    rows = [(step, name, value) for name, value in metrics.items()]
    store.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)", rows)


def add_points(home: Home, run: str) -> None:
    """Twenty new points, as many as a fast run makes in a second."""
    with Store(control.run_folder(home, run)) as store:
        step = store.fact("step")
        for index in range(20):
            insert(store, step + index, [])
        store.set(step=step + 20)


def lab_poll(home: Home) -> dict[str, object]:
    """Milliseconds of the first poll of a viewer, and how often it opens a run's file."""
    from resnet_demo.lab import protocols
    from resnet_demo.lab import store as labs
    from resnet_demo.runs import store
    from resnet_demo.ui.lab.panel import LabPanel
    from resnet_demo.ui.requests import LabRequest

    home.make()
    lab = labs.create(
        home, "quick", protocols.configs("quick", "shapes", home, LAB_DEPTHS, LAB_SEEDS)
    )
    for run in lab.runs:
        trained(home, run)
    opened, connect, milliseconds = [], store.connect, []
    store.connect = lambda path: opened.append(path) or connect(path)
    for _ in range(POLLS):
        opened.clear()
        started = time.perf_counter()
        LabPanel(home, None).poll(LabRequest(lab=lab.lab), None)
        milliseconds.append(1000 * (time.perf_counter() - started))
    store.connect = connect
    return {"runs": len(lab.runs), "ms": round(median(milliseconds), 1), "opens": len(opened)}


def trained(home: Home, run: str) -> None:
    """What a finished run of the `quick` protocol has in its file."""
    with Store(control.run_folder(home, run)) as store, store.transaction():
        for step in range(1, 396):
            insert(store, step, [])
            store.db.execute("INSERT INTO metrics VALUES (?, 'error', 50.0)", (step,))
        store.set(state="stopped", step=395, steps=395, epoch=5, num_train=10_000, num_val=2_000)
