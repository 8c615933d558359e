"""SIGKILL, and a disk that is full, at every system call by which a training run leaves a trace.

A process with torch loaded is forked for each point; `strace` ends it there (or refuses the call
and all after it), a second fork goes on. Losses, rows and weights must be those of a run that
nobody touched.
"""

import os
import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import timm.optim  # noqa: F401  what training imports: once here, not in every fork
import torch

from bench.faults import rows, weights
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here

CONFIG = TrainConfig(
    data="shapes", arch="resnet8", px=16, start_px=16, epochs=2, batch_size=32, num_train=96,
    num_val=64, ema=0.9, min_crop=0.4,
)  # fmt: skip
WRITES = "write,pwrite64,writev,pwritev,ftruncate,fallocate"
PERSISTENT = f"{WRITES},fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,mkdir"
KILLS, FULL_DISKS = 200, 50  # at most so many points, evenly spaced


def measure(data: str, place: Path) -> dict[str, object]:
    config, begun = replace(CONFIG, data=data), time.monotonic()
    home = fresh(place)
    run = control.new_run(home, config, save_every=0)
    calls = traced(home, run, place / "calls.txt")
    expected = rows(home, run), weights(home, run)
    found = {"persistent_calls": calls[PERSISTENT], "steps": expected[0][-1][0]}
    for name, count, most, inject in (
        ("killed", calls[PERSISTENT], KILLS, f"{PERSISTENT}:signal=KILL:when={{}}"),
        ("disk_full_from_there_on", calls[WRITES], FULL_DISKS, f"{WRITES}:error=ENOSPC:when={{}}+"),
    ):
        points = spread(count, most)
        with get_context("fork").Pool(os.cpu_count()) as pool:
            broke = pool.starmap(broken, [(place, config, inject.format(at)) for at in points], 1)
        lost = [at for at, became in zip(points, broke) if became != expected]
        found[name] = {"points": len(points), "lost": lost}
    return {**found, "minutes": round((time.monotonic() - begun) / 60, 1)}


def fresh(place: Path) -> Home:
    """A home of its own for each point: its pixel cache is made under the same fault."""
    home = Home(Path(tempfile.mkdtemp(dir=place)))
    home.make()
    return home


def spread(count: int, most: int) -> list[int]:
    """At most so many of 1 .. count."""
    return sorted(set(np.linspace(1, count, min(count, most)).round().astype(int).tolist()))


def traced(home: Home, run: str, log: Path) -> dict[str, int]:
    """How many calls of each set the run's main thread makes from begin to end."""
    child = forked(home, run, ["-e", f"trace={PERSISTENT}", "-o", str(log)])
    assert os.waitpid(child, 0)[1] == 0
    lines = log.read_text().splitlines()
    names = [m[1] for line in lines if (m := re.match(rf"{child} +(\w+)\(", line))]
    return {kind: sum(n in kind.split(",") for n in names) for kind in (PERSISTENT, WRITES)}


def broken(place: Path, config: TrainConfig, inject: str) -> tuple[list[tuple], str] | None:
    """Rows and weights of a run that is broken off there, and goes on; None when it does not."""
    home = fresh(place)
    run = control.new_run(home, config, save_every=0)
    ended = os.waitpid(forked(home, run, ["-e", f"inject={inject}", "-o", "/dev/null"]), 0)[1]
    went_on = not ended or not os.waitpid(forked(home, run), 0)[1]
    found = (rows(home, run), weights(home, run)) if went_on else None
    shutil.rmtree(home.path)
    return found


def forked(home: Home, run: str, strace: list[str] | None = None) -> int:
    """A worker, on one thread, in a child of this process; traced before it begins."""
    child = os.fork()
    if child == 0:
        try:
            work(home, run, strace is not None)
        finally:
            os._exit(1)
    if strace is not None:
        subprocess.Popen(["strace", "-f", "-qq", "-p", str(child), *strace])
    return child


def work(home: Home, run: str, is_traced: bool) -> None:
    while is_traced and "TracerPid:\t0\n" in Path("/proc/self/status").read_text():
        time.sleep(0.01)
    torch.set_num_threads(1)
    os._exit(0 if train_here(home, run) == "finished" else 1)
