"""`--tracker trackio|wandb`: a mirror of the run elsewhere, never needed and never in its way."""

import hashlib
import importlib
import json
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from resnet_demo.config import TrainConfig
from resnet_demo.files import Json

log = logging.getLogger(__name__)
ALONE = ("arch", "seed", "tracker", "tracker_project")  # in which runs of one group may differ
Shown = tuple[np.ndarray, str]  # uint8 (H, W, 3), caption


class Tracker:
    """Both libraries share these calls; whatever goes wrong is one warning."""

    def __init__(self, config: TrainConfig, run: str) -> None:
        self.library: Any = None
        self.kind = config.tracker
        if self.kind != "none":
            self.attempt(lambda: self.begin(config, run))

    def begin(self, config: TrainConfig, run: str) -> None:
        library = importlib.import_module(self.kind)
        identity = {"id": run} if self.kind == "wandb" else {}
        library.init(
            project=config.tracker_project, name=run, group=group_of(config),
            config=config.shown().to_dict(), resume="allow", **identity,
        )  # fmt: skip
        self.library = library

    def address(self) -> str:
        """Where people can look at it; empty where it is only on this machine."""
        return getattr(getattr(self.library, "run", None), "url", None) or ""

    def log(self, metrics: Json, step: int) -> None:
        if self.library:
            self.attempt(lambda: self.library.log(metrics, step=step))

    def finish(self, report: Json, worst: Sequence[Shown], weights: Path, step: int) -> None:
        """Final numbers, confusion, worst mistakes as pictures, and the weights."""
        numbers = {name: value for name, value in report.items() if isinstance(value, int | float)}
        self.log({f"final/{name}": value for name, value in numbers.items()}, step)
        if self.library:
            self.attempt(lambda: self.show(report, worst, step))
        if self.library:
            self.attempt(lambda: self.keep(weights))
        if self.library:
            self.attempt(self.library.finish)

    def show(self, report: Json, worst: Sequence[Shown], step: int) -> None:
        names = report["classes"]
        rows = [
            [names[true], names[called], count]
            for true, row in enumerate(report["confusion"] or [])  # None: too many classes
            for called, count in enumerate(row)
        ]
        images = [self.library.Image(pixels, caption=caption) for pixels, caption in worst]
        shown = {"final/worst": images}
        if rows:
            columns = ["true", "called", "pictures"]
            shown["final/confusion"] = self.library.Table(columns=columns, data=rows)
        self.library.log(shown, step=step)

    def keep(self, weights: Path) -> None:
        artifact = self.library.Artifact("weights", type="model")
        artifact.add_file(str(weights))
        self.library.log_artifact(artifact)

    def attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a tracker may fail in any way
            self.library = None
            log.warning("%s is off, the run goes on without it: %s", self.kind, error)


def group_of(config: TrainConfig) -> str:
    """The same for twins, for seeds and for the networks of a lab: what is equal in all of them."""
    common = {name: value for name, value in config.to_dict().items() if name not in ALONE}
    digest = hashlib.sha256(json.dumps(common, sort_keys=True).encode()).hexdigest()
    return digest[:12]
