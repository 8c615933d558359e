"""Two processes of one thread over one process of two; what a mirror costs; snapshots whose sender
is killed."""

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from statistics import median

from resnet_demo.config import Home, TrainConfig
from resnet_demo.files import Json
from resnet_demo.runs import control, mirror
from resnet_demo.runs.mirror_places import FolderMirror, name_of
from resnet_demo.runs.store import Store
from resnet_demo.runs.worker import Worker

PAIRS, STEPS, WARM = 5, 24, 6
MIRROR_PAIRS, KILLS = 5, 20
ROOT = Path(__file__).resolve().parent.parent


def measure(data: str, place: Path) -> Json:
    config = TrainConfig(
        data=data, px=128, start_px=128, iterations=STEPS, num_val=256, probe_every=10**9
    )
    home = Home(place / "home")
    speeds = [(speed(home, config, 2), speed(home, config, 1)) for _ in range(PAIRS)]
    return {
        "two_over_one": round(median(two / one for two, one in speeds), 3),
        "pairs_images_per_s": [[round(two, 1), round(one, 1)] for two, one in speeds],
        **writing(home, config, median(one for _, one in speeds)),
        **mirrored(home, config, place / "mirror"),
        **killed(home, place / "killed"),
    }


def speed(home: Home, config: TrainConfig, processes: int) -> float:
    """Pictures a second, the median of the steps after the first few."""
    command = [sys.executable, "-m"]
    if processes > 1:
        command += ["torch.distributed.run", "--standalone", f"--nproc-per-node={processes}", "-m"]
    command += ["resnet_demo", "train", *config.options(), "--home", str(home.path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    with Store(home.run(control.run_names(home)[0])) as store:
        rates = store.metrics(["images_per_s"])["images_per_s"]
    return median(rate for _, rate in rates[WARM:])


def writing(home: Home, config: TrainConfig, images_per_s: float) -> Json:
    """Of rank 0 alone: the rows of a step, over the step's time."""
    run = control.new_run(home, config)
    rows = {name: 1.0 for name in ("loss", "error", "lr", "images_per_s")}
    with Store(home.run(run)) as store:
        started = time.perf_counter()
        for step in range(200):
            store.add_metrics(step, rows, step=step, steps=200, seconds=1.0)
        each = (time.perf_counter() - started) / 200
    return {"writing_share_of_a_step": round(each * images_per_s / config.batch_size, 4)}


def mirrored(home: Home, config: TrainConfig, place: Path) -> Json:
    """Time of a run whose every checkpoint goes to a folder, over that of one without."""
    longer = replace(config, iterations=4 * STEPS)
    run_seconds(home, replace(longer, iterations=2), None)  # warms up
    ratios = []
    for number in range(MIRROR_PAIRS):
        places = [place, None] if number % 2 else [None, place]
        seconds = {where: run_seconds(home, longer, where) for where in places}
        ratios.append(seconds[place] / seconds[None])
    return {
        "mirrored_over_not": round(median(ratios), 3),
        "mirrored_pairs": [round(ratio, 3) for ratio in ratios],
    }


def run_seconds(home: Home, config: TrainConfig, place: Path | None) -> float:
    """Of training alone, from the run's first step to its last, with all that lies between."""
    run = control.new_run(home, config, save_every=20)
    if place:
        os.environ[mirror.VARIABLE] = str(place)
    worker = Worker(home, run)
    os.environ.pop(mirror.VARIABLE, None)
    times = []
    for _ in worker.steps:
        times.append(time.perf_counter())
        if worker.step == config.iterations:
            break
    worker.close()
    return times[-1] - times[-config.iterations]


def killed(home: Home, place: Path) -> Json:
    """A snapshot of a resnet18 that is sent again and again, by a process killed at random."""
    run = control.run_names(home)[0]
    snapshot = place / "snapshot"
    shutil.copytree(home.run(run).path, snapshot)
    bucket = FolderMirror(place / "bucket")
    name, wanted = name_of(run, 1.0), contents(snapshot)
    script = (
        "import sys; from pathlib import Path\n"
        "from resnet_demo.runs.mirror_places import FolderMirror\n"
        "while True: FolderMirror(Path(sys.argv[1])).send(Path(sys.argv[2]), sys.argv[3])"
    )
    corrupt = cut = 0
    for _ in range(KILLS):
        words = [sys.executable, "-c", script, str(bucket.place), str(snapshot), name]
        process = subprocess.Popen(words, cwd=ROOT)
        time.sleep(random.uniform(0.5, 1.5))
        process.send_signal(signal.SIGKILL)
        process.wait()
        cut += bool(list((bucket.place / name).glob(".coming-*")))
        corrupt += sum(contents(each) != wanted for each in bucket.snapshots(name))
    return {"kills": KILLS, "kills_inside_a_snapshot": cut, "corrupt_snapshots": corrupt}


def contents(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
