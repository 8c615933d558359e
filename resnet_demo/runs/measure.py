"""What takes all cores for a while and is no run: measured in a process of its own, one at a time.

Imports no torch: the page asks here.
"""

import json
import subprocess
import sys

from resnet_demo.config import Home, TrainConfig, UserError
from resnet_demo.runs.control import child_environment
from resnet_demo.runs.locks import try_lock


def ask(home: Home, command: str, config: TrainConfig) -> dict[str, object]:
    """Let `estimate` or `find-lr` measure in a process of its own; returns its JSON."""
    return measured(home, command, *options(config))


def evaluate(home: Home, model: str, data: str, split: str) -> dict[str, object]:
    """The JSON of the command `evaluate`, computed in a process of its own."""
    return measured(home, "evaluate", f"--data={data}", f"--split={split}", "--", model)


def measured(home: Home, command: str, *words: str) -> dict[str, object]:
    """Raises UserError when the command refuses, or when a run under way would spoil it."""
    home.make()
    lock = try_lock(home.path / "train.lock", patience=0.5)
    if lock is None:
        raise UserError("A run is under way here; measure when it is over, or pause and stop it.")
    with lock:
        done = subprocess.run(
            [sys.executable, "-m", "resnet_demo", command, "--json", "--home", str(home.path)]
            + list(words),
            capture_output=True,
            text=True,
            env=child_environment(),
        )
    if done.returncode:
        raise UserError(done.stderr.strip().splitlines()[-1] if done.stderr else "It failed.")
    return json.loads(done.stdout.splitlines()[-1])


def options(config: TrainConfig) -> list[str]:
    """The command line that makes this configuration."""
    words = []
    for name, value in config.to_dict().items():
        option = name.replace("_", "-")
        if isinstance(value, bool):
            words.append(f"--{option}" if value else f"--no-{option}")
        else:
            words.append(f"--{option}={value}")
    return words
