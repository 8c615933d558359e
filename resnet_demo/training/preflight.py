"""Before a run starts: how long it will take here, and which learning rate suits it."""

from collections.abc import Generator
from dataclasses import asdict, replace

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data import open_data
from resnet_demo.data.pixel_cache import cached_pixels, kept_side
from resnet_demo.data.sources import count
from resnet_demo.errors import UserError, duration
from resnet_demo.files import Json
from resnet_demo.models.reference import starting_weights
from resnet_demo.progress import Progress
from resnet_demo.training.estimate import fitting, speed_here, told
from resnet_demo.training.loop import Training
from resnet_demo.training.lr_finder import STEPS, suggest, sweep
from resnet_demo.training.schedule import fitting_batch, px_at


def estimate(config: TrainConfig, home: Home) -> Generator[Progress, None, Json]:
    """Seconds from the first step to the last validation, and the size that keeps the budget."""
    num_classes, *sizes = count(config, home)
    config = replace(config, batch_size=fitting_batch(config, sizes[0]))
    device.prepare()
    speed = yield from speed_here(config, num_classes, home)
    fitted = fitting(config, speed, *sizes)
    seconds = speed.seconds(fitted, *sizes)
    where = device.describe_machine()
    return {
        "seconds": seconds,
        "px": fitted.px,
        "epochs": fitted.epochs,
        "num_train": sizes[0],
        "num_val": sizes[1],
        "machine": where,
        "sentence": f"About {duration(seconds)} here ({where}): {told(config, fitted)}.",
    }


def find_lr(config: TrainConfig, home: Home) -> Generator[Progress, None, Json]:
    """Try rates on the run's own pictures, from the weights that it starts from; nothing of it is
    kept."""
    if config.freeze == "backbone":
        raise UserError(
            "find-lr tries rates on a whole network; a classifier alone trains in seconds, so try "
            "one: adamw with lr 0.01 is a good start."
        )
    pictures = (yield from open_data(config.data, home)).used_by(config)
    config = replace(config, px=px_at(0, config.start_px, config.px))
    pixels = yield from cached_pixels(pictures.train, kept_side(config), home.caches)
    device.prepare()
    config = replace(config, batch_size=fitting_batch(config, len(pixels)))
    weights = starting_weights(config, pictures.classes, home)
    training = Training(config, pixels, pixels, len(pictures.classes), weights=weights)
    tried = []
    for point in sweep(training):
        tried.append(point)
        yield "Trying learning rates", len(tried), STEPS
    lr = suggest(tried)
    return {
        "lr": lr,
        "tried": [asdict(point) for point in tried],
        "sentence": f"A learning rate of {lr:g} suits {config.optimizer} here; the loss was "
        f"lowest at {min(tried, key=lambda p: p.loss).lr:.2g}.",
    }
