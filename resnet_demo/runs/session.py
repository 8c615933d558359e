"""What the worker does with torch: open a training, record its events."""

import json
import logging
import os
import shutil
from collections.abc import Generator
from dataclasses import replace

from resnet_demo import device
from resnet_demo.config import IMAGENET_MEAN, IMAGENET_STD, TrainConfig
from resnet_demo.cores import num_cores
from resnet_demo.data import Pictures, open_data
from resnet_demo.data.cache_room import make_room
from resnet_demo.data.pixel_cache import CUTTING, Pixels, load_pixels
from resnet_demo.errors import UserError, amount, duration
from resnet_demo.files import Json
from resnet_demo.models.reference import is_pretrained, starting_weights
from resnet_demo.runs.context import RunContext
from resnet_demo.runs.trackers import Tracker
from resnet_demo.training import checkpoint
from resnet_demo.training.changes import Change, with_changes
from resnet_demo.training.estimate import fitting, speed_here, told
from resnet_demo.training.events import EpochDone, Event, StepDone, Validating
from resnet_demo.training.gradient_norms import block_of
from resnet_demo.training.head import HeadTraining, make_training
from resnet_demo.training.loop import Training
from resnet_demo.training.ranks import ALONE
from resnet_demo.training.schedule import fitting_batch

log = logging.getLogger(__name__)
SPOILT_LOSS = 1e4  # a loss above it is a number still, but of weights that no learning mends


def open_training(context: RunContext) -> Generator[None, None, Training]:
    """Data, network and the newest checkpoint, ready to go on; yields while it decodes."""
    store = context.store
    ranks = context.ranks or ALONE
    note_machine(context, ranks.size)
    config = context.config
    everything: Pictures = yield from context.follow(open_data(config.data, context.home))
    pictures = everything.used_by(config)
    changes = [Change(*row) for row in store.changes()]
    limited = config.budget_seconds and config.freeze == "none"
    if limited and not any(change.name == "px" for change in changes):
        changes += yield from fit_to_budget(context, with_changes(config, changes), pictures)
    settings = with_changes(context.config, changes)
    train, val = yield from context.follow(load_pixels(pictures, settings, context.home))
    tell_about_data(context, pictures, train, val)
    check_same_pictures(context, pictures, train, val)
    state = latest_checkpoint(context)
    weights = None  # a checkpoint needs no start
    if state is None:
        weights = starting_weights(context.config, pictures.classes, context.home)
        store.set(pretrained=is_pretrained(context.config.init, context.home))
    config = fit_batch(context, len(train))
    training = make_training(
        config, train, val, len(pictures.classes), ranks, weights=weights, changes=changes
    )
    restore(context, training, state)
    training.ranks.announce("load", training.state())
    if isinstance(training, HeadTraining):
        yield from context.follow(training.prepare(context.home.caches))
    check_disk(context, training)
    note_start(context, training, pictures.classes, settings.px)
    return training


def note_start(context: RunContext, training: Training, classes: tuple[str, ...], px: int) -> None:
    """What pages and commands show of the run from here on."""
    store, learned = context.store, training.model.named_parameters()
    store.set(
        state="running",
        message="",
        classes=classes,
        blocks=list(dict.fromkeys(block_of(n) for n, p in learned if p.requires_grad)),
        px=px,
        params=sum(p.numel() for p in training.model.parameters()),
        steps=training.total_steps,
        num_train=len(training.train),
        num_val=len(training.val),
        step=training.step,
        epoch=training.epoch,
        seconds=training.seconds,
        generation=store.fact("generation", 0) + 1,
    )


def note_machine(context: RunContext, processes: int) -> None:
    """Use the number of threads that the run began with; say so when something else differs."""
    store = context.store
    now, before = device.describe_machine(), store.fact("machine")
    threads, begun = store.fact("threads"), store.fact("processes", 1)
    same = threads and threads <= num_cores() and processes == begun
    used = device.prepare(threads if same else None)
    if before and (before, threads, begun) != (now, used, processes):
        context.say(
            "not-exact",
            f"Continued on {now}, {power(used, processes)}; begun on {before}, "
            f"{power(threads, begun)}. From here on numbers differ in their last digits from an "
            f"uninterrupted run's.",
        )
    store.set(threads=used, machine=now, processes=processes, launcher=os.getppid())


def power(threads: int, processes: int) -> str:
    each = amount(threads, "thread")
    return each if processes == 1 else f"{processes} processes of {each}"


def fit_to_budget(
    context: RunContext, config: TrainConfig, pictures: Pictures
) -> Generator[None, None, list[Change]]:
    """Measure this machine; a smaller run when it would take longer than promised. config: with
    what was set while the run stood in line."""
    sizes = len(pictures.train), len(pictures.val)
    speed = yield from context.follow(speed_here(config, len(pictures.classes), context.home))
    fitted = fitting(config, speed, *sizes)
    takes = duration(speed.seconds(fitted, *sizes))
    sentence = f"This machine will take about {takes}: {told(config, fitted)}."
    context.say("estimate", sentence)
    context.store.set(estimate=sentence)
    made = [Change(0, "px", fitted.px)]
    if fitted.epochs != config.epochs:
        made.append(Change(0, "epochs", fitted.epochs))
    with context.store.transaction():  # killed in between, a run would keep half of the change
        for _, name, value in made:
            context.store.add_event(0, "set", json.dumps([name, value]))
    return made


def fit_batch(context: RunContext, num_train: int) -> TrainConfig:
    """Smaller batches where there are fewer pictures; the same at each resume."""
    config = context.config
    size = fitting_batch(config, num_train)
    if size != config.batch_size and context.store.fact("num_train") is None:
        context.say(
            "data",
            f"{num_train} training pictures are fewer than a batch of {config.batch_size}: trained "
            f"in batches of {size}.",
        )
    return replace(config, batch_size=size)


def tell_about_data(context: RunContext, pictures: Pictures, train: Pixels, val: Pixels) -> None:
    if context.store.fact("num_train") is not None:
        return  # said when the run began
    if pictures.note:
        context.say("data", pictures.note)
    for pixels in (train, val):
        if pixels.broken:
            first = "; ".join(pixels.broken[:3])
            context.say("data", f"{amount(len(pixels.broken), 'picture')} left out, e.g. {first}")


def check_same_pictures(
    context: RunContext, pictures: Pictures, train: Pixels, val: Pixels
) -> None:
    """Other pictures than at the start: refused when their number changed, else said."""
    sizes = [len(pictures.classes), len(train), len(val)]
    prints = [pictures.train.fingerprint, pictures.val.fingerprint]
    before = context.store.fact("sizes", sizes)
    if before != sizes:
        raise UserError(
            f"The pictures changed since run {context.run} began (classes, train, val: {before} "
            f"then, {sizes} now). Put them back, or start a new run."
        )
    pixels = [train.digest, val.digest]
    same_files = context.store.fact("prints", prints) == prints
    if not same_files and context.store.fact("pixels") != pixels:
        context.say(
            "not-exact", "Some pictures changed since the run began; it goes on with these."
        )
    begun, config = context.store.fact("sizes") is not None, context.config
    cut_so = context.store.fact("cutting", 1 if begun else CUTTING) == CUTTING
    if not cut_so and config.crop == "area" and config.freeze == "none":
        context.say(
            "not-exact",
            "This version cuts crops otherwise than the one that began the run, which goes on with "
            "these: its numbers are not quite an uninterrupted run's.",
        )
    context.store.set(sizes=sizes, prints=prints, pixels=pixels, cutting=CUTTING)


def latest_checkpoint(context: RunContext) -> Json | None:
    """After a divergence the weights are spoilt long before a loss is not finite: then the state
    at the end of the last sound epoch, or none, to begin anew."""
    folder = context.folder.checkpoints
    diverged = context.store.fact("diverged")
    if diverged is not None:
        for path in checkpoint.states(folder):
            path.unlink()
        folder = context.folder.epochs
    state, spoilt = checkpoint.load_state(folder)
    for name in spoilt:
        context.say("spoilt", f"Checkpoint {name} is damaged and was removed.")
    if diverged is not None:
        whence = f"from the end of epoch {state['epoch']}, which was sound" if state else "anew"
        context.say("went-back", f"The run diverged at step {diverged}; it goes on {whence}.")
        context.store.set(diverged=None)
    return state


def restore(context: RunContext, training: Training, state: Json | None) -> None:
    if state is None:
        context.store.rewind(-1)
        return
    try:
        training.load(state)
    except (KeyError, ValueError) as error:
        raise UserError(
            f"The checkpoint of run {context.run} was written by another version ({error}). "
            f"Go on with that version, or start a new run."
        ) from error
    context.store.rewind(training.step)
    context.say("resumed", f"Resumed at step {training.step} of {training.total_steps}.")


def check_disk(context: RunContext, training: Training) -> None:
    """Room for all checkpoints that are kept and one more, before anything is trained."""
    values = sum(tensor.numel() for tensor in training.model.state_dict().values())
    needed = values * 4 * 3 * (checkpoint.KEPT * 2 + 1)  # weights, momentum, average
    make_room(context.home.caches, needed)
    free = shutil.disk_usage(context.folder.path).free
    if free < needed:
        raise UserError(
            f"The disk of {context.home.path} has {free / 1e6:.0f} MB left; the run needs "
            f"{needed / 1e6:.0f} MB for its checkpoints. Make room or choose another --home."
        )


def record(context: RunContext, training: Training, event: Event, tracker: Tracker) -> None:
    store = context.store
    if isinstance(event, StepDone):
        store.add_metrics(
            event.step,
            event.metrics,
            step=event.step,
            steps=training.total_steps,
            seconds=training.seconds,
        )
        tracker.log(event.metrics, event.step)
        context.report_progress("Training", event.step, training.total_steps)
    elif isinstance(event, Validating):
        context.report_progress("Validating", event.done, event.total)
    elif isinstance(event, EpochDone):
        save_epoch(context, training, event)
        store.add_metrics(event.step, event.metrics, epoch=event.epoch, seconds=training.seconds)
        tracker.log(event.metrics, event.step)
        context.say("epoch", epoch_sentence(event, training.settings.epochs))


def epoch_sentence(event: EpochDone, epochs: int) -> str:
    m = event.metrics
    return (
        f"Epoch {event.epoch} of {epochs}: top-1 {m['top1']:.2f} %, "
        f"val_loss {m['val_loss']:.4f}, train_loss {m['train_loss']:.4f}"
    )


def save_epoch(context: RunContext, training: Training, event: EpochDone) -> None:
    """Weights before rows: a kill in between costs nothing, the epoch is done again."""
    folder = context.folder.weights
    best = context.store.best("top1")
    about = describe_weights(context, training.settings, event)
    checkpoint.save_weights(folder / "last.safetensors", training.best_model, about)
    if best is None or event.metrics["top1"] > best:
        checkpoint.save_weights(folder / "best.safetensors", training.best_model, about)
    snapshot = folder / f"epoch-{event.epoch:03d}.safetensors"
    checkpoint.save_weights(snapshot, training.best_model, about, half=True)
    checkpoint.thin_out(folder)
    loss = event.metrics["train_loss"] + event.metrics["val_loss"]
    if loss < SPOILT_LOSS:  # False for NaN too
        context.folder.epochs.mkdir(exist_ok=True)
        checkpoint.save_state(context.folder.epochs, training.state())


def describe_weights(
    context: RunContext, settings: TrainConfig, event: EpochDone
) -> dict[str, str]:
    """The safetensors metadata that `models.sources` reads."""
    shown = settings.shown()
    return {
        "format": "resnet_demo 1",
        "arch": settings.arch,
        "classes": json.dumps(context.store.fact("classes")),
        "px": str(settings.val_px),
        "crop_pct": str(settings.crop_pct),
        "mean": json.dumps(IMAGENET_MEAN),
        "std": json.dumps(IMAGENET_STD),
        "data": shown.data,
        "run": context.run,
        "seed": str(settings.seed),
        "epoch": str(event.epoch),
        "top1": f"{event.metrics['top1']:.4f}",
        "unlike_below": f"{event.metrics['unlike_below']:.6f}",
        "temperature": f"{event.metrics['temperature']:.4f}",
        "pretrained": json.dumps(context.store.fact("pretrained", False)),
        "recipe": json.dumps(shown.to_dict()),
    }
