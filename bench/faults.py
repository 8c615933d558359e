"""Exact resume under SIGKILL: 20 of the worker, 5 of the page, 5 of both, at random moments.

bf16, augmentation, EMA, Muon, and a learning rate that is changed on the way. Every killed run must
end with the losses, rows and weights of one that nobody touched.
"""

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.store import Store

ROOT = Path(__file__).resolve().parent.parent
TIMINGS = ("images_per_s", "seconds", "val_seconds")
KILLS = [("worker", 20), ("page", 5), ("both", 5)]
CHANGE = (40, ["lr", 0.01])


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    config = TrainConfig(
        data=data, arch="resnet8", px=32, start_px=32, epochs=4, ema=0.95, min_crop=0.4, lr=0.02
    )
    reference = whole(home, config)
    expected, digest = rows(home, reference), weights(home, reference)
    results = {}
    for victim, kills in KILLS:
        run, resumed = killed(home, config, victim, kills)
        found = rows(home, run)
        losses = [row for row in found if row[1] == "loss"]
        results[victim] = {
            "kills": kills,
            "resumed_from_steps": resumed,
            "rows": len(losses),
            "duplicates": len(losses) - len({row[0] for row in losses}),
            "gaps": losses[-1][0] - len(losses),
            "rows_equal": found == expected,
            "weights_equal": weights(home, run) == digest,
        }
    return {"steps": expected[-1][0], "results": results}


def whole(home: Home, config: TrainConfig) -> str:
    run = prepared(home, config)
    worker(home, run).wait()
    return run


def prepared(home: Home, config: TrainConfig) -> str:
    run = control.new_run(home, config, save_every=0.3)
    with Store(control.run_folder(home, run)) as store:
        store.add_event(CHANGE[0], "set", json.dumps(CHANGE[1]))
    return run


def worker(home: Home, run: str) -> subprocess.Popen:
    return control.spawn_worker(home, run)


def page(home: Home) -> subprocess.Popen:
    """A server, once it has said that it serves."""
    process = subprocess.Popen(
        [sys.executable, "app.py", "--home", str(home.path)],
        cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "is at" in process.stdout.readline()
    return process


def killed(home: Home, config: TrainConfig, victim: str, kills: int) -> tuple[str, list[int]]:
    run = prepared(home, config)
    chance = random.Random(victim)
    served = page(home) if victim != "worker" else None
    process = worker(home, run)
    for number in range(kills):
        wait_for_progress(home, run, process, chance.uniform(0.2, 1.2), number, kills)
        if victim != "worker":
            served.kill()
            served.wait()
            served = page(home)
        if victim != "page":
            process.kill()
            process.wait()
            process = worker(home, run)
    process.wait()
    if served:
        served.kill()
        served.wait()
    return run, resumed_from(home, run)


def wait_for_progress(
    home: Home, run: str, process: subprocess.Popen, seconds: float, number: int, kills: int
) -> None:
    """Until the run has done its share of the way, and then a random moment longer."""
    with Store(control.run_folder(home, run)) as store:
        goal = 0.9 * (store.fact("steps") or 0) * number / kills
        while process.poll() is None and (not store.fact("steps") or store.fact("step", 0) <= goal):
            time.sleep(0.01)
    time.sleep(seconds)


def rows(home: Home, run: str) -> list[tuple]:
    with Store(control.run_folder(home, run)) as store:
        found = store.db.execute("SELECT step, name, value FROM metrics ORDER BY step, name")
        return [row for row in found if row[1] not in TIMINGS]


def weights(home: Home, run: str) -> str:
    while is_held(home.run(run).lock):
        time.sleep(0.02)
    return json.loads(control.run_folder(home, run).report.read_text())["sha256"]


def resumed_from(home: Home, run: str) -> list[int]:
    with Store(control.run_folder(home, run)) as store:
        return [int(e["text"].split()[3]) for e in store.events() if e["kind"] == "resumed"]
