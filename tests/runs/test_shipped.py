"""The run that ships: looked at like any other, never changed."""

import json
import sqlite3
from pathlib import Path

import pytest

from resnet_demo.config import CHECKPOINTS, Home
from resnet_demo.errors import UserError
from resnet_demo.lab.shipped import readable_lab
from resnet_demo.models import reference
from resnet_demo.runs import control
from resnet_demo.runs.shipped import SHIPPED, readable_folder, shipped_run
from resnet_demo.runs.snapshot import RunSnapshot
from resnet_demo.runs.store import Store


def test_it_is_the_run_of_the_bundled_network(home: Home) -> None:
    folder = shipped_run()
    assert folder is not None
    found: RunSnapshot[None] = RunSnapshot.read(folder)
    network = reference.load("bundled", home)
    assert found.row.state == "finished" and found.config.data == "imagenette"
    assert network.arch == found.config.arch
    assert float(network.about["top1"]) == pytest.approx(found.row.top1, abs=0.01)
    report = json.loads(folder.report.read_text())
    assert network.temperature == pytest.approx(report["temperature"], rel=0.05)


def test_it_names_no_folder_of_the_machine_that_made_it() -> None:
    folder = shipped_run()
    assert folder is not None
    for path in filter(Path.is_file, folder.path.rglob("*")):
        assert not any(word in path.read_bytes() for word in (b"/home/", b"/tmp/", b"folder:/"))


def test_looking_at_it_leaves_nothing_beside_it(home: Home) -> None:
    places = [place for place in CHECKPOINTS if place.is_dir()]
    before = [sorted(place.rglob("*")) for place in places]
    with Store(readable_folder(home, SHIPPED)) as run:
        assert run.facts()["state"] == "finished"
        assert [sorted(place.rglob("*")) for place in places] == before
        with pytest.raises(sqlite3.OperationalError, match="readonly"):
            run.send("stop")
    lab_home, lab = readable_lab(home, SHIPPED)
    with Store(lab_home.run(lab.runs[0])) as run:
        assert run.facts()["state"] == "finished"
        assert [sorted(place.rglob("*")) for place in places] == before
    kept = {path.suffix for place in places for path in place.rglob("*") if path.is_file()}
    assert kept == {".md", ".safetensors", ".json", ".sqlite"}


def test_it_cannot_be_steered(home: Home) -> None:
    home.make()
    assert readable_folder(home, SHIPPED) == shipped_run()
    for act in (control.delete, control.cancel, control.resume):
        with pytest.raises(UserError, match="There is no run 'shipped' here"):
            act(home, SHIPPED)


def test_a_program_without_it_has_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert all(isinstance(place, Path) for place in CHECKPOINTS)
    monkeypatch.setattr("resnet_demo.runs.shipped.CHECKPOINTS", (tmp_path,))
    assert shipped_run() is None
