"""What data path, gradient strip and optimizer cost; how soon a second run takes its first step.

The same network trains on real pictures and on one ready batch of noise in turn, in one process.
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import median

import torch

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import open_data
from resnet_demo.data.pixel_cache import load_pixels
from resnet_demo.models import conv
from resnet_demo.progress import finish
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.training.loop import Training

ROUNDS, STEPS = 7, 6
DEAD_ONE_IN, SUBNORMAL = 4, 1e-42
ROOT = Path(__file__).resolve().parent.parent


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    config = TrainConfig(data=data, px=128, start_px=128, epochs=100, probe_every=10**9)
    pictures = finish(open_data(data, home))
    train, val = finish(load_pixels(pictures, config, home))
    device.prepare()
    training = Training(config, train, val, len(pictures.classes))
    return {
        "real_over_ready": ratio(training, ready_batch(training), real_first=True),
        "products_over_onednn": product_ratio(training),
        "number_format_over_other": format_ratio(training),
        "with_probe_over_without": probe_ratio(training),
        "optimizer_share_of_a_step": optimizer_share(training),
        "optimizer_share_with_dead_channels": optimizer_share(with_dead_channels(training)),
        "second_start_first_step_s": first_step_seconds(home, config),
    }


def ready_batch(training: Training) -> Callable:
    size, px = training.config.batch_size, training.config.px
    images = torch.randint(0, 256, (size, px, px, 3), dtype=torch.uint8).permute(0, 3, 1, 2)
    labels = torch.randint(0, training.num_classes, (size,))
    return lambda *_: (images, labels)


def ratio(training: Training, ready: Callable, real_first: bool) -> dict[str, object]:
    """Speed on real pictures over speed on the ready batch, pair by pair."""
    real, pairs = training.batch, []
    for number in range(ROUNDS + 1):
        speeds = {}
        for kind, batch in (("real", real), ("ready", ready)):
            training.batch = batch
            speeds[kind] = speed(training)
        if number:  # the first pair warms up
            pairs.append((speeds["real"], speeds["ready"]))
    training.batch = real
    return {
        "ratio": round(median(a / b for a, b in pairs), 3),
        "pairs_images_per_s": [[round(a, 1), round(b, 1)] for a, b in pairs],
    }


def product_ratio(training: Training) -> float:
    """Speed with convolutions of few pixels as matrix products, over oneDNN's."""
    speeds: list[tuple[float, float]] = []
    products = conv.products
    for _ in range(ROUNDS):
        ours = speed(training)
        conv.products = lambda x, stride: None
        speeds.append((ours, speed(training)))
        conv.products = products
    return round(median(ours / theirs for ours, theirs in speeds), 3)


def format_ratio(training: Training) -> dict[str, object]:
    """Speed in the number format that is taken here (bfloat16, float32), over the other."""
    chosen = device.fast_bf16
    taken, pairs = chosen(device.device()), []
    for _ in range(ROUNDS + 1):
        ours = speed(training)
        device.fast_bf16 = lambda on: not taken
        pairs.append((ours, speed(training)))
        device.fast_bf16 = chosen
    del pairs[0]  # warms up
    ratio = round(median(ours / other for ours, other in pairs), 3)
    return {"taken": "bfloat16" if taken else "float32", "ratio": ratio}


def speed(training: Training) -> float:
    started = time.perf_counter()
    for _ in range(STEPS):
        training.train_step()
    return STEPS * training.config.batch_size / (time.perf_counter() - started)


def probe_ratio(training: Training) -> dict[str, object]:
    """Speed with norms measured at every 20th step over speed without; a step's cost / 20."""
    plain, every = training.config, replace(training.config, probe_every=1)
    pairs = []
    for _ in range(ROUNDS):
        seconds = []
        for config in (every, plain):
            training.config = config
            seconds.append(STEPS * config.batch_size / speed(training))
        pairs.append(seconds)
    extra = median((a - b) / b for a, b in pairs)
    return {"cost_of_a_probed_step": round(extra, 4), "share_of_the_time": round(extra / 20, 5)}


def optimizer_share(training: Training) -> float:
    """Of a step's seconds, those in the optimizer; median of the steps."""
    marks: list[float] = []
    optimizer = training.optimizer
    hooks = (optimizer.register_step_pre_hook, optimizer.register_step_post_hook)
    handles = [hook(lambda *_: marks.append(time.perf_counter())) for hook in hooks]
    shares = []
    for _ in range(ROUNDS * STEPS):
        started = time.perf_counter()
        training.train_step()
        before, after = marks[-2:]
        shares.append((after - before) / (time.perf_counter() - started))
    for handle in handles:
        handle.remove()
    return round(median(shares), 3)


@torch.no_grad()
def with_dead_channels(training: Training) -> Training:
    """As some are after epochs of training: without gradient for so long that what momentum made
    of it is subnormal, which processors multiply slowly."""
    state = training.optimizer.state
    for _, block in training.model.blocks():
        dead = slice(0, len(block.bn1.bias) // DEAD_ONE_IN)
        block.bn1.bias[dead] = -1e4
        state[block.conv1.weight]["momentum_buffer"][dead] = SUBNORMAL
        state[block.conv2.weight]["momentum_buffer"][:, dead] = SUBNORMAL
    return training


def first_step_seconds(home: Home, config: TrainConfig) -> float:
    """From process start to the first recorded step, on the cache that is there."""
    run = control.new_run(home, config)
    started = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "resnet_demo", "resume", run, "--home", str(home.path)],
        cwd=ROOT, env=dict(os.environ), stderr=subprocess.DEVNULL,
    )  # fmt: skip
    with Store(control.run_folder(home, run)) as store:
        while not store.fact("step") and process.poll() is None:
            time.sleep(0.02)
    seconds = time.perf_counter() - started
    control.cancel(home, run)
    process.wait(30)
    return round(seconds, 2)
