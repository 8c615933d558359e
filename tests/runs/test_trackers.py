"""A tracker mirrors; it never harms. Run with the packages when they are there, and without."""

import importlib.util
import logging
import sys
import types
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from resnet_demo.config import ARCHS, Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.trackers import Tracker, group_of


class Recorder(types.ModuleType):
    """Has the calls that both libraries share, and remembers them."""

    def __init__(self, name: str, fail_at: int = 10**9) -> None:
        super().__init__(name)
        self.calls: list[tuple] = []
        self.fail_at = fail_at

    def remember(self, *call: object) -> None:
        self.calls.append(call)
        if len(self.calls) > self.fail_at:
            raise ConnectionError("service is down")

    def init(self, **options: object) -> None:
        self.remember("init", options)

    def log(self, metrics: dict, step: int) -> None:
        self.remember("log", metrics, step)

    def log_artifact(self, artifact: "Recorder") -> None:
        self.remember("log_artifact", artifact.path)

    def finish(self) -> None:
        self.remember("finish")

    class Artifact:
        def __init__(self, name: str, type: str) -> None:
            self.path = None

        def add_file(self, path: str) -> None:
            self.path = Path(path)

    class Table:
        def __init__(self, columns: list[str], data: list[list]) -> None:
            self.data = data

    class Image:
        def __init__(self, pixels: np.ndarray, caption: str) -> None:
            self.shape, self.caption = pixels.shape, caption


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    library = Recorder("trackio")
    monkeypatch.setitem(sys.modules, "trackio", library)
    return library


def trained(home: Home, config: TrainConfig) -> str:
    run = control.new_run(home, config)
    assert train_here(home, run) == "finished"
    return run


def test_config_metrics_and_final_numbers_are_mirrored(home, config, recorder) -> None:
    run = trained(home, replace(config, tracker="trackio"))
    (_, options), *logs, end = recorder.calls
    assert options["config"]["arch"] == "resnet8" and options["resume"] == "allow"
    assert options["config"]["data"] == "folder:" + Path(config.data).name
    assert options["name"].startswith(f"{run}-") and end == ("finish",)
    *logs, kept = logs
    assert sum("loss" in metrics for _, metrics, _ in logs) == 15
    assert "final/top1" in logs[-2][1]
    shown = logs[-1][1]
    assert sum(count for *_, count in shown["final/confusion"].data) == 12
    for image in shown["final/worst"]:
        assert image.shape == (16, 16, 3) and " called " in image.caption
    assert kept[0] == "log_artifact" and kept[1].is_file()


def test_many_classes_have_no_matrix_and_the_rest_is_mirrored(
    home, config, recorder, monkeypatch
) -> None:
    monkeypatch.setattr("resnet_demo.evaluate.metrics.MOST_CONFUSED_CLASSES", 2)
    trained(home, replace(config, tracker="trackio", epochs=1))
    *_, (_, shown, _), kept, end = recorder.calls
    assert list(shown) == ["final/worst"] and kept[0] == "log_artifact" and end == ("finish",)


def test_twins_and_seeds_are_one_group(config) -> None:
    groups = {group_of(replace(config, arch=arch, seed=s)) for arch in ARCHS[:4] for s in (0, 1)}
    assert len(groups) == 1 and group_of(replace(config, lr=0.5)) not in groups


def test_a_resumed_run_is_the_same_run_there(home, config, recorder) -> None:
    run = trained(home, replace(config, tracker="trackio"))
    control.send(home, run, "set", "epochs=4")
    train_here(home, run)
    first, second = [call[1]["name"] for call in recorder.calls if call[0] == "init"]
    assert first == second


@pytest.mark.parametrize("fail_at", [0, 5])
def test_a_failing_service_is_one_warning(fail_at, home, config, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, "trackio", Recorder("trackio", fail_at))
    with caplog.at_level(logging.WARNING):
        trained(home, replace(config, tracker="trackio"))
    assert [r.message for r in caplog.records if "trackio is off" in r.message] == [
        "trackio is off, the run goes on without it: service is down"
    ]


@pytest.mark.parametrize("kind", ["trackio", "wandb"])
def test_a_missing_package_is_one_warning(kind, monkeypatch, caplog) -> None:
    monkeypatch.setitem(sys.modules, kind, None)
    tracker = Tracker(TrainConfig(tracker=kind), "0001")
    tracker.log({"loss": 1.0}, 1)
    tracker.finish({}, [], Path("weights"), 1)
    assert len([r for r in caplog.records if f"{kind} is off" in r.message]) == 1


@pytest.mark.parametrize("kind", ["trackio", "wandb"])
def test_the_real_library_offline(kind, home, config, monkeypatch, tmp_path, caplog) -> None:
    if importlib.util.find_spec(kind) is None:
        pytest.skip(f"{kind} is an optional extra and is not installed")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    trained(home, replace(config, tracker=kind))
    assert not [r for r in caplog.records if "is off" in r.message]
    assert list(tmp_path.rglob("*.wandb" if kind == "wandb" else "*.db"))
