"""How long a run will take here, and which side fits a time: a few seconds of measuring."""

import time
from collections.abc import Callable, Generator, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from functools import partial

import numpy as np

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import Pixels
from resnet_demo.errors import amount
from resnet_demo.files import read_json, write_json
from resnet_demo.progress import Progress
from resnet_demo.training.loop import VAL_BATCH, Training
from resnet_demo.training.schedule import px_at

SLACK = 1.15  # measurements vary; a preset keeps its size until it is this much too slow
LEAST_STEPS, MOST_STEPS, ENOUGH_SECONDS = 3, 6, 15.0  # at each side; the fastest counts
GAIN = 0.9  # while a step takes less than this of the fastest before it, it still warms up
KNOWN_SECONDS = 86_400  # a measurement is used again for a day
FLOOR_PX, STEP_PX = 32, 16
# On fewer pixels epochs are better spared: 3 to 112 px are 82 % right, and 14 to 32 px, which take
# as long without bf16, 79 % (resnet10d, one seed: bench/records).
CLEAR_PX, FEWEST_EPOCHS = 96, 3


@dataclass(frozen=True)
class Speed:
    """Seconds of one training step and one validation batch: `fixed + per_pixel * px**2`."""

    step: tuple[float, float]
    val: tuple[float, float]

    def seconds(self, config: TrainConfig, num_train: int, num_val: int) -> float:
        """From the first step to the end of the last validation."""
        if config.freeze == "backbone":  # each picture and its mirror image are looked at once
            return (2 * num_train + num_val) / VAL_BATCH * at(self.val, config.val_px)
        steps = config.num_batches(num_train)
        left = config.iterations or config.epochs * steps
        total = 0.0
        for epoch in range(config.epochs):
            if left <= 0:
                break
            px = px_at(epoch / config.epochs, config.start_px, config.px)
            total += min(steps, left) * at(self.step, px)
            total += num_val / VAL_BATCH * at(self.val, config.val_px)
            left -= min(steps, left)
        return total


def at(line: tuple[float, float], px: int) -> float:
    return line[0] + line[1] * px**2


def pair(numbers: list[float]) -> tuple[float, float]:
    constant, slope = map(float, numbers)
    return constant, slope


def speed_here(
    config: TrainConfig, num_classes: int, home: Home
) -> Generator[Progress, None, Speed]:
    """As measured here within the last day, else measured now and kept."""
    path = home.caches / "speeds.json"
    kept = read_json(path) or {}
    settings = (config.arch, config.optimizer, config.batch_size, config.px, num_classes)
    dearer = (config.sam_radius > 0, config.paired_filters)
    key = " ".join(map(str, (device.describe_machine(), *settings, *dearer)))
    with suppress(KeyError, TypeError, ValueError):
        if 0 <= time.time() - kept[key]["time"] < KNOWN_SECONDS:
            return Speed(pair(kept[key]["step"]), pair(kept[key]["val"]))
    speed = yield from measure(config, num_classes)
    write_json(path, kept | {key: {"time": time.time(), **asdict(speed)}})
    return speed


def measure(config: TrainConfig, num_classes: int) -> Generator[Progress, None, Speed]:
    """Train and validate a few batches of noise at two sides, at the larger first, whose memory
    the smaller uses again; the network is thrown away."""
    sides = sorted({max(FLOOR_PX, config.px // 2), config.px}, reverse=True)
    steps, vals = [], []
    for px in sides:
        noise = random_pixels(max(config.batch_size, VAL_BATCH), px, num_classes)
        sized = replace(config, px=px, start_px=px, epochs=1000)
        training = Training(sized, noise, noise, num_classes)
        steps.append((yield from timed(training.train_step)))
        validate = partial(training.validate_batch, range(VAL_BATCH))
        vals.append((yield from timed(validate)))
    return Speed(line(sides, steps), line(sides, vals))


def random_pixels(count: int, px: int, num_classes: int) -> Pixels:
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (count, px, px, 3), dtype=np.uint8)
    return Pixels(images, random.integers(0, num_classes, count), ("noise",) * count, ())


def timed(action: Callable[[], object]) -> Generator[Progress, None, float]:
    """Of the action, once it gets no faster: the first times it fetches memory from the system,
    which can take several times as long as its work; where it is long, that is a small part."""
    seconds: list[float] = []
    while len(seconds) < MOST_STEPS and sum(seconds) < ENOUGH_SECONDS and not warm(seconds):
        yield "Measuring this machine", len(seconds), MOST_STEPS
        started = time.perf_counter()
        action()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def warm(seconds: list[float]) -> bool:
    """Whether the last of them is no faster than those before it."""
    return len(seconds) >= LEAST_STEPS and seconds[-1] > GAIN * min(seconds[:-1])


def line(sides: list[int], seconds: list[float]) -> tuple[float, float]:
    """Through two points over px squared, the larger side first; proportional when there is but
    one."""
    if len(sides) == 1:
        return 0.0, seconds[0] / sides[0] ** 2
    slope = (seconds[0] - seconds[1]) / (sides[0] ** 2 - sides[1] ** 2)
    slope = max(slope, 0.0)
    return max(0.0, seconds[0] - slope * sides[0] ** 2), slope


def fitting(config: TrainConfig, speed: Speed, num_train: int, num_val: int) -> TrainConfig:
    """The run, made as much shorter as keeps its budget; the shortest where none does."""
    for shorter in ever_shorter(config):
        if speed.seconds(shorter, num_train, num_val) <= SLACK * config.budget_seconds:
            break
    return shorter


def ever_shorter(config: TrainConfig) -> Iterator[TrainConfig]:
    """The run itself, then smaller pictures while something can be seen on them, then fewer epochs,
    at last smaller pictures again."""
    yield config
    if not config.budget_seconds:
        return
    sides = range(config.px - STEP_PX, FLOOR_PX - 1, -STEP_PX)
    clear, fewest = [px for px in sides if px >= CLEAR_PX], min(config.epochs, FEWEST_EPOCHS)
    for px in clear:
        yield sized(config, config.epochs, px)
    for epochs in range(config.epochs - 1, fewest - 1, -1):
        yield sized(config, epochs, min(clear, default=config.px))
    for px in sides[len(clear) :]:
        yield sized(config, fewest, px)


def sized(config: TrainConfig, epochs: int, px: int) -> TrainConfig:
    return replace(config, epochs=epochs, px=px, start_px=min(px, config.start_px))


def told(config: TrainConfig, fitted: TrainConfig) -> str:
    """What a run is made of, and what it was to be."""
    size = f"{amount(fitted.epochs, 'epoch')} to {fitted.px} px"
    if fitted == config:
        return size
    return f"{size} instead of {config.epochs} to {config.px}, so it will be right less often"
