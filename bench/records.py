"""Records: each recipe of the table over its seeds, as long as there is time. What is there already
is not run again: call it until nothing is missing. With `--home PLACE`, the same each time, a run
that was cut off goes on at the next call, bit for bit; without, it begins anew.

Time is also told in bare pictures, since cores differ: seconds of training and validation times the
pictures/s of a bare SGD step of torchvision's resnet18 (128 px, batch 64). On a shared machine
these change within a run, so they are measured before it and after each of its epochs.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import torch
import torch.nn.functional as F
import torchvision

from resnet_demo import device
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.pixel_cache import CUTTING
from resnet_demo.errors import UserError
from resnet_demo.files import Json, read_json, write_json
from resnet_demo.presets import PAIRED, PRESETS
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import Scheduler
from resnet_demo.runs.snapshot import RunSnapshot

HOURS = 0.5  # after which no further run is begun
BARE_STEPS, BARE_BATCH, BARE_PX = 8, 64, 128
UNLIMITED = dict(budget_seconds=0)  # a record is the recipe's, whatever the machine
RESULTS = Path(__file__).parent / "results" / "records.json"
WIDE = PAIRED | dict(arch="resnet18w", px=128)


@dataclass(frozen=True)
class Recipe:
    seeds: int
    settings: Json = field(default_factory=dict)


RECIPES = {  # the shortest first
    "minute": Recipe(3, PRESETS["minute"] | UNLIMITED),
    "fastest": Recipe(3, PAIRED | dict(epochs=5, px=112)),
    "coffee": Recipe(3, PRESETS["coffee"] | UNLIMITED),
    "five": Recipe(5, WIDE | dict(epochs=5, start_px=128, sam_radius=0.5)),
    "twenty": Recipe(3, WIDE | dict(epochs=20, min_crop=0.35, cutmix=0.5)),
}


def measure(data: str, place: Path) -> Iterator[Json]:
    home, rows = (
        Home(place),
        {row["name"]: row for row in (read_json(RESULTS) or {}).get("rows", [])},
    )
    started = time.monotonic()
    for name, recipe in RECIPES.items():
        config = TrainConfig(data=data, **recipe.settings)
        row = rows.get(name) or blank(name, config)
        if (row["command"], row.get("cutting", 1)) != (command_of(config), CUTTING):
            row = blank(name, config)  # an older row stays until the new one has a seed
        for seed in range(len(row["seeds"]), recipe.seeds):
            if time.monotonic() - started > 3600 * HOURS:
                break
            add(row, home, config, seed)
            rows[name] = row
            yield told(rows)
    yield told(rows)


def told(rows: dict[str, Json]) -> Json:
    machines = {name: row["machine"] for name, row in rows.items()}
    return {"machine": machines, "rows": list(rows.values())}


def command_of(config: TrainConfig) -> str:
    options = [word for word in config.options() if not word.startswith("--data")]
    return " ".join(["train", *options])


def blank(name: str, config: TrainConfig) -> Json:
    return {
        "name": name, "command": command_of(config), "arch": config.arch,
        "epochs": config.epochs, "px": config.px, "val_px": config.val_px, "cutting": CUTTING,
        "seeds": [], "top1": [],
        "seconds": [], "bare_images_per_s": [], "bare_images": [],
        "machine": device.describe_machine(),
    }  # fmt: skip


def add(row: Json, home: Home, config: TrainConfig, seed: int) -> None:
    """One run more: last epoch's weights, on the validation pictures."""
    config = replace(config, seed=seed)
    run = cut_off(home, config) or control.new_run(home, config)
    bare = bare_images(home, run)
    found: RunSnapshot[None] = RunSnapshot.read(home.run(run))
    if found.row.state != "finished":  # somebody ended it: no result
        raise UserError(
            f"Run {run} of {row['name']} is {found.row.state}. Measure it again: with --home, "
            f"the same each time, an interrupted one goes on."
        )
    row["seeds"].append(seed)
    row["top1"].append(round(found.row.top1 or 0.0, 2))
    row["seconds"].append(round(found.row.seconds))
    row["bare_images_per_s"].append(round(bare / found.row.seconds, 1))
    row["bare_images"].append(round(bare))


def cut_off(home: Home, config: TrainConfig) -> str | None:
    """The run of exactly these settings, and crops, that a call before this one left."""
    found = (RunSnapshot.read(home.run(run)) for run in control.run_names(home))
    left = (one for one in found if one.row.state == "interrupted" and not one.changes)
    same = (one for one in left if (one.config, one.facts.get("cutting")) == (config, CUTTING))
    return next((one.row.run for one in same), None)


def bare_images(home: Home, run: str) -> float:
    """Train the run to its end; what bare steps would have seen meanwhile. What was measured stays
    beside the runs, for a call that goes on."""
    scheduler = Scheduler(home, [run])
    (worker,), step_all = scheduler.workers, scheduler.step_all
    kept = home.path / f"bare_{run}.json"
    seen = read_json(kept) or {"ends": [0.0], "rates": [bare_rate()]}
    ends, rates = seen["ends"], seen["rates"]

    def step_and_measure() -> None:
        step_all()
        if worker.training and worker.training.epoch == len(rates):
            ends.append(worker.training.seconds)
            rates.append(bare_rate())
            write_json(kept, seen)

    scheduler.step_all = step_and_measure
    scheduler.work()
    epochs = zip(ends, ends[1:], rates, rates[1:])
    return sum((end - start) * (before + after) / 2 for start, end, before, after in epochs)


def bare_rate() -> float:
    """Pictures a second of nothing but steps, in the number format of training."""
    device.prepare()
    on = device.device()
    model = device.placed(torchvision.models.resnet18(num_classes=10), on).train()
    optimizer = torch.optim.SGD(model.parameters(), 0.01, momentum=0.9)
    images = torch.randn(BARE_BATCH, 3, BARE_PX, BARE_PX, device=on)
    images = images.to(memory_format=torch.channels_last)
    labels = torch.randint(0, 10, (BARE_BATCH,), device=on)
    for step in range(BARE_STEPS + 2):
        if step == 2:  # two warm up
            started = time.perf_counter()
        with device.autocast(on):
            loss = F.cross_entropy(model(images).float(), labels)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return BARE_STEPS * BARE_BATCH / (time.perf_counter() - started)
