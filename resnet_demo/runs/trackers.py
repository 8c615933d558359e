"""`--tracker trackio|wandb`: a mirror of the run elsewhere, never needed and never in its way."""

import importlib
import logging
from collections.abc import Callable
from typing import Any

from resnet_demo.files import Json

log = logging.getLogger(__name__)


class Tracker:
    """Both libraries share these calls; whatever goes wrong is one warning."""

    def __init__(self, kind: str, run: str, config: Json) -> None:
        self.library: Any = None
        if kind != "none":
            self.kind = kind
            self.attempt(lambda: self.begin(kind, run, config))

    def begin(self, kind: str, run: str, config: Json) -> None:
        library = importlib.import_module(kind)
        identity = {"id": run} if kind == "wandb" else {}
        library.init(project="resnet-demo", name=run, config=config, resume="allow", **identity)
        self.library = library

    def log(self, metrics: dict[str, float], step: int) -> None:
        if self.library:
            self.attempt(lambda: self.library.log(metrics, step=step))

    def finish(self, numbers: dict[str, float], step: int) -> None:
        self.log({f"final/{name}": value for name, value in numbers.items()}, step)
        if self.library:
            self.attempt(self.library.finish)

    def attempt(self, action: Callable[[], object]) -> None:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - a tracker may fail in any way
            self.library = None
            log.warning("%s is off, the run goes on without it: %s", self.kind, error)
