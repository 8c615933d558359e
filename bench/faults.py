"""What breaks a training run (bf16, augmentation, EMA, Muon, a changed rate), and what is lost.

Broken off at random moments, by SIGKILL of the worker, of the page, of both, and by SIGTERM; a
resnet18 cut five times; races for one run; a page that is loaded anew and a server that comes back
while a run trains. Every broken run must end with the losses, rows and weights of an untouched one.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from statistics import median

from bench.viewers import chromium, served
from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.store import Store

ROOT = Path(__file__).resolve().parent.parent
TIMINGS = ("images_per_s", "seconds", "val_seconds")
KILLS = [("worker", 20), ("asked to end", 20), ("page", 5), ("both", 5)]
CUTS = 5  # of a resnet18
CHANGE = (20, ["lr", 0.01])
SMALL = TrainConfig(
    arch="resnet8", px=32, start_px=32, epochs=4, ema=0.95, min_crop=0.4, lr=0.02
)  # fmt: skip
RACED = replace(SMALL, data="shapes", px=16, start_px=16, num_train=64, epochs=1)
REAL = TrainConfig(px=128, start_px=96, epochs=3, num_train=640, num_val=64, min_crop=0.4)
SAVE_EVERY = 0.3  # seconds, where a run of a minute stands for one of hours
RACES, RACERS = 20, 6
RETURNS = 5  # of the page, and of the server
# What is seen of a worker whose page dies.
UNTOUCHED = {"step": 0, "seconds": 0.0, "code": 0, "left_behind": 0}
DRAWN = (
    "([run, step]) => document.querySelector('#live .live')?.drawnPoints?.(run, 'loss')[0]"
    ".at(-1) >= step"
)


def measure(data: str, place: Path) -> dict[str, object]:
    home, begun = Home(place), time.monotonic()
    raced_for = races(home, RACED)  # first: a process that has computed with threads cannot fork
    config = replace(SMALL, data=data)
    expected, digest = untouched(home, config)
    kills = {
        victim: judged(home, *killed(home, config, victim, count), expected, digest)
        for victim, count in KILLS
    }
    return {
        "races": raced_for,
        "steps": expected[-1][0],
        "results": kills,
        "resnet18": resnet18(home, replace(REAL, data=data)),
        "back_again": back_again(home, replace(config, epochs=1000)),
        "minutes": round((time.monotonic() - begun) / 60, 1),
    }


def resnet18(home: Home, config: TrainConfig) -> dict[str, object]:
    """Five SIGKILLs of a real network, and what a checkpoint of it costs of the usual interval."""
    expected, digest = untouched(home, config)
    found = judged(home, *killed(home, config, "worker", CUTS), expected, digest)
    return {**found, "checkpoint_ms": checkpoint_ms(home, config)}


def checkpoint_ms(home: Home, config: TrainConfig) -> float:
    from resnet_demo.data import open_data
    from resnet_demo.data.pixel_cache import load_pixels
    from resnet_demo.progress import finish
    from resnet_demo.training.checkpoint import save_state
    from resnet_demo.training.loop import Training

    pictures = finish(open_data(config.data, home)).used_by(config)
    training = Training(config, *finish(load_pixels(pictures, config, home)), len(pictures.classes))
    seconds, folder = [], home.path / "checkpoint"
    folder.mkdir()
    for _ in range(CUTS):
        started = time.perf_counter()
        save_state(folder, training.state())
        seconds.append(time.perf_counter() - started)
    return round(1000 * median(seconds), 1)


def untouched(home: Home, config: TrainConfig) -> tuple[list[tuple], str]:
    """Rows and digest of the weights of a run that nobody breaks."""
    run = prepared(home, config)
    control.spawn_worker(home, run).wait()
    return rows(home, run), weights(home, run)


def prepared(home: Home, config: TrainConfig) -> str:
    run = control.new_run(home, config, save_every=SAVE_EVERY)
    with Store(control.run_folder(home, run)) as store:
        store.add_event(CHANGE[0], "set", json.dumps(CHANGE[1]))
    return run


def judged(
    home: Home, run: str, broken: list[dict[str, float]], expected: list[tuple], digest: str
) -> dict[str, object]:
    found = rows(home, run)
    losses = [row for row in found if row[1] == "loss"]
    resumed = resumed_from(home, run)
    lost = [row["step"] - at for row, at in zip(broken, resumed)]
    return {
        "broken": len(broken),
        "resumed_from_steps": resumed,
        "steps_lost_at_most": max(lost, default=0),
        "seconds_to_end_at_most": round(max(row["seconds"] for row in broken), 2),
        "exit_codes": sorted({row["code"] for row in broken}),
        "left_behind": sum(row["left_behind"] for row in broken),
        "rows": len(losses),
        "duplicates": len(losses) - len({row[0] for row in losses}),
        "gaps": losses[-1][0] - len(losses),
        "rows_equal": found == expected,
        "weights_equal": weights(home, run) == digest,
    }


def killed(
    home: Home, config: TrainConfig, victim: str, kills: int
) -> tuple[str, list[dict[str, float]]]:
    """A run that is broken off so often, and what was seen each time."""
    run, chance, broken = prepared(home, config), random.Random(victim), []
    page = started_page(home) if victim in ("page", "both") else None
    process, step = control.spawn_worker(home, run), 0
    for number in range(kills):
        wait_for_progress(home, run, process, step, number / kills)
        time.sleep(chance.uniform(0.1, 0.8))
        if page:
            ended(page, signal.SIGKILL)
            page = started_page(home)
        if victim == "page":
            broken.append(UNTOUCHED)
            continue
        step = reached(home, run)
        how = signal.SIGTERM if victim == "asked to end" else signal.SIGKILL
        broken.append({"step": step, **ended(process, how)})
        process = control.spawn_worker(home, run)
    process.wait()
    if page:
        ended(page, signal.SIGKILL)
    return run, broken


def started_page(home: Home) -> subprocess.Popen:
    """A server, once it has said that it serves."""
    process = subprocess.Popen(
        [sys.executable, "app.py", "--home", str(home.path)],
        cwd=ROOT, env=dict(os.environ), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert "is at" in process.stdout.readline()
    return process


def ended(process: subprocess.Popen, number: int) -> dict[str, float]:
    """How it ended: seconds, its exit code, processes of its session that live on."""
    started = time.monotonic()
    process.send_signal(number)
    code = process.wait()
    return {
        "seconds": time.monotonic() - started, "code": code, "left_behind": session(process.pid)
    }  # fmt: skip


def session(leader: int) -> int:
    """Processes of this session; 6 is the field of /proc/PID/stat that names it."""
    found = 0
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            found += int(stat.read_text().rsplit(")")[-1].split()[3]) == leader
    return found


def wait_for_progress(
    home: Home, run: str, process: subprocess.Popen, step: int, share: float
) -> None:
    """Until the run is further than this step, and has done this share of the way to its end."""
    with Store(control.run_folder(home, run)) as store:
        while process.poll() is None:
            steps = store.fact("steps")
            if steps and store.fact("step", 0) > max(step, 0.9 * share * steps):
                return
            time.sleep(0.01)


def races(home: Home, config: TrainConfig) -> dict[str, object]:
    """Forks that all want to train one run at the same moment: exactly one may. Another that gets
    the run once it is trained has come too late, and is no winner."""
    import torch  # noqa: F401  once here, not in every fork

    winners = []
    for _ in range(RACES):
        run = control.new_run(home, config)
        racers = [raced(home, run) for _ in range(RACERS)]
        codes = [os.waitpid(racer, 0)[1] for racer in racers]
        winners.append(codes.count(0))
    return {"races": RACES, "racers": RACERS, "exactly_one": winners.count(1)}


def raced(home: Home, run: str) -> int:
    child = os.fork()
    if child == 0:
        import torch

        torch.set_num_threads(1)
        code = 1
        with suppress(UserError):
            scheduler = Scheduler(home, [run])
            untrained = reached(home, run) == 0
            code = 0 if scheduler.work()[run] == "finished" and untrained else 1
        os._exit(code)
    return child


def back_again(home: Home, config: TrainConfig) -> dict[str, object]:
    """Seconds until the whole curve is drawn, and Pause is there, after the page is loaded anew,
    and from the moment that a new server serves."""
    run = control.start(home, config)
    while reached(home, run) < 50:
        time.sleep(0.1)
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        with served(home) as port:
            reloads = [curve_seconds(home, run, page, port) for _ in range(RETURNS + 1)][1:]
        restarts = []
        for _ in range(RETURNS):
            with served(home) as port:
                restarts.append(curve_seconds(home, run, page, port))
    control.cancel(home, run)
    return {"reloads_s": reloads, "server_restarts_s": restarts}


def curve_seconds(home: Home, run: str, page: object, port: int) -> float:
    points = reached(home, run)
    started = time.monotonic()
    page.goto(f"http://127.0.0.1:{port}/?run={run}")
    page.wait_for_function(DRAWN, arg=[run, points], timeout=60_000)
    page.get_by_role("button", name="Pause").wait_for(timeout=60_000)
    return round(time.monotonic() - started, 2)


def reached(home: Home, run: str) -> int:
    with Store(control.run_folder(home, run)) as store:
        return store.fact("step", 0)


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
