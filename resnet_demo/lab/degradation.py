"""The degradation experiment (He et al. 2015, section 4.2): plain against residual, by depth."""

from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import duration
from resnet_demo.files import Json
from resnet_demo.lab.protocols import PROTOCOLS
from resnet_demo.lab.store import Lab, snapshots, state_of
from resnet_demo.lab.summary import finished, row_of, table
from resnet_demo.lab.verdict import verdict
from resnet_demo.progress import Progress
from resnet_demo.refs import shown_data
from resnet_demo.runs.snapshot import RunSnapshot

VERSIONS = ("torch", "torchvision", "timm", "gradio")


def summary(lab: Lab, runs: list[RunSnapshot[Any]]) -> Json:
    """The JSON of `lab degradation`. The verdict speaks of runs that have finished."""
    rows = [row_of(run) for run in runs]
    findings = verdict(finished(rows), PROTOCOLS[lab.protocol].one_seed)
    return {
        "lab": lab.lab,
        "protocol": lab.protocol,
        "data": shown_data(lab.data),
        "state": state_of([run.row for run in runs]),
        "seconds": sum(run.row.seconds for run in runs),
        "classes": classes_of(runs),
        "rows": [asdict(row) for row in rows],
        "table": [asdict(line) for line in table(rows)],
        "verdict": [asdict(finding) for finding in findings],
    }


def classes_of(runs: list[RunSnapshot[Any]]) -> list[str] | None:
    """Of the pictures; None before they were opened."""
    return runs[0].facts.get("classes") if runs else None


def record(home: Home, lab: Lab) -> Json:
    """The summary with what is needed to repeat it: configurations, versions, machine."""
    runs: list[RunSnapshot[Any]] = snapshots(home, lab)
    machines = {run.facts.get("machine") for run in runs}
    return {
        **summary(lab, runs),
        "configs": [run.config.shown().to_dict() for run in runs],
        "versions": dict(versions()),
        "machine": ", ".join(sorted(filter(None, machines))),
    }


def versions() -> Iterator[tuple[str, str]]:
    """Of what is installed; gradio is not where one only trains."""
    for name in VERSIONS:
        with suppress(PackageNotFoundError):
            yield name, version(name)


def estimate(configs: list[TrainConfig], home: Home) -> Generator[Progress, None, Json]:
    """How long the networks would take here, one measured for each depth and kind."""
    from resnet_demo import device
    from resnet_demo.data.sources import count
    from resnet_demo.training.estimate import speed_here

    num_classes, *sizes = count(configs[0], home)
    device.prepare()
    seconds, by_arch = 0.0, {}
    for config in configs:
        if config.arch not in by_arch:
            by_arch[config.arch] = yield from speed_here(config, num_classes, home)
        seconds += by_arch[config.arch].seconds(config, *sizes)
    where = device.describe_machine()
    sentence = f"{len(configs)} networks take about {duration(seconds)} here ({where})."
    return {"seconds": seconds, "networks": len(configs), "machine": where, "sentence": sentence}
