"""One run on disk: every path and file name of it. What is in the files, `runs` knows."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class RunFolder:
    path: Path

    @property
    def run(self) -> str:
        return self.path.name

    @property
    def store(self) -> Path:
        """Metrics, facts, events and commands; a run is there once this is."""
        return self.path / "run.sqlite"

    @property
    def lock(self) -> Path:
        """Held by the process that is at work on it."""
        return self.path / "lock"

    @property
    def log(self) -> Path:
        return self.path / "log.txt"

    @property
    def checkpoints(self) -> Path:
        """Resume states, the newest few."""
        return self.path / "checkpoints"

    @property
    def epochs(self) -> Path:
        """Resume states at the end of epochs whose loss was finite."""
        return self.checkpoints / "epochs"

    @property
    def weights(self) -> Path:
        """last, best and epoch-NNN.safetensors."""
        return self.path / "weights"

    @property
    def report(self) -> Path:
        """Accuracy and more of a finished run."""
        return self.path / "report.json"

    @property
    def predictions(self) -> Path:
        """Of a finished run: one entry a validation picture."""
        return self.path / "predictions.json"
