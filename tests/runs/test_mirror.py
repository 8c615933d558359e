"""A machine that is gone, and another that goes on: real processes, a real SIGKILL, a loop-back
Hub."""

import os
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.cli.main import parser
from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.importing import import_path
from resnet_demo.data.library import Library
from resnet_demo.errors import UserError
from resnet_demo.progress import finish
from resnet_demo.run_folder import RunFolder
from resnet_demo.runs import control, groups, mirror
from resnet_demo.runs.mirror_places import KEPT, FolderMirror, mirror_at
from resnet_demo.runs.mirrored_data import PACKED
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from tests.commands import Started, command
from tests.conftest import draw_folder, wait_until
from tests.runs.test_worker import digest, events_of, rows, step_of


@pytest.fixture
def hard(config: TrainConfig) -> TrainConfig:
    return replace(config, ema=0.9, epochs=30, min_crop=0.4)


def killed_after(home: Home, environment: dict, config: TrainConfig, place: str, step: int) -> None:
    """A training that sends to the mirror at each step, killed; then its home is gone."""
    words = ["train", *config.options(), "--save-every=0", "--mirror", place, "--home", home.path]
    process = Started(environment, home.path.parent, "resnet_demo", *words)
    wait_until(lambda: home.run("0001").store.exists() and step_of(home, "0001") >= step)
    process.kill()
    process.wait()
    shutil.rmtree(home.path)


@pytest.fixture(params=["folder", "hub"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return {"folder": str(tmp_path / "bucket"), "hub": "hub:me/runs"}[request.param]


def test_a_fresh_machine_goes_on_exactly(place, home: Home, hard, hub, tmp_path: Path) -> None:
    environment = {**hub, "HF_TOKEN": "hf_good"}
    killed_after(home, environment, hard, place, 40)
    fresh = Home(tmp_path / "fresh")
    listed = command(environment, "mirror", place, "--restore", "--home", fresh.path)
    assert "brought here as 0001" in listed.stdout, listed.stderr
    assert control.read_run(fresh, "0001").state == "interrupted"
    resumed = command(environment, "resume", "0001", "--home", fresh.path)
    assert resumed.returncode == 0, resumed.stderr
    (said,) = events_of(fresh, "0001", "resumed")
    assert int(said.split()[3]) > 0 and not events_of(fresh, "0001", "not-exact")
    reference = control.new_run(fresh, hard)
    assert train_here(fresh, reference) == "finished"
    assert rows(fresh, "0001") == rows(fresh, reference)
    assert digest(fresh, "0001") == digest(fresh, reference)


def test_own_pictures_come_back_with_the_run(place, home: Home, hard, hub, tmp_path: Path) -> None:
    environment = {**hub, "HF_TOKEN": "hf_good"}
    drawn = draw_folder(tmp_path / "drawn", 12, 4, px=32)
    table = finish(import_path(home, "pets", str(drawn)))
    own = replace(hard, data="dataset:pets")
    killed_after(home, environment, own, place, 20)
    fresh = Home(tmp_path / "fresh")
    restored = command(environment, "mirror", place, "--restore", "--home", fresh.path)
    assert restored.stdout.count("brought here") == 1, restored.stderr  # pictures are no run
    assert Library(fresh, "pets").open().table()["classes"] == table["classes"]
    resumed = command(environment, "resume", "0001", "--home", fresh.path)
    assert resumed.returncode == 0, resumed.stderr
    reference = control.new_run(fresh, own)
    assert train_here(fresh, reference) == "finished"
    assert digest(fresh, "0001") == digest(fresh, reference)


@pytest.fixture
def mirrored(home: Home, config: TrainConfig, tmp_path: Path, monkeypatch) -> FolderMirror:
    """A finished run, and its mirror."""
    monkeypatch.setenv(mirror.VARIABLE, str(tmp_path / "bucket"))
    assert train_here(home, control.new_run(home, config)) == "finished"
    monkeypatch.delenv(mirror.VARIABLE)
    return FolderMirror(tmp_path / "bucket")


def test_a_finished_run_comes_back_whole_and_once(mirrored, home: Home, tmp_path: Path) -> None:
    fresh = Home(tmp_path / "fresh")
    (name,) = mirror.missing(fresh, mirrored)
    assert mirror.restore(fresh, mirrored, name) == "0001"
    assert control.read_run(fresh, "0001") == control.read_run(home, "0001")
    assert digest(fresh, "0001") == digest(home, "0001")
    for which in ("last", "best"):
        kept = (each.run("0001").weights / f"{which}.safetensors" for each in (home, fresh))
        assert len({path.read_bytes() for path in kept}) == 1
    assert mirror.missing(fresh, mirrored) == [] == mirror.missing(home, mirrored)
    assert not (home.run("0001").path / ".snapshot").exists()


def test_a_number_that_is_taken_is_not_overwritten(mirrored, config, tmp_path: Path) -> None:
    other = Home(tmp_path / "other")
    assert control.new_run(other, config) == "0001"
    (name,) = mirror.missing(other, mirrored)
    assert mirror.restore(other, mirrored, name) == "0002"
    assert control.read_run(other, "0001").state != "finished"
    assert control.read_run(other, "0002").state == "finished"


def test_what_a_kill_left_of_a_snapshot_is_never_taken_for_one(mirrored, home: Home) -> None:
    (name,) = mirrored.names()
    half, gone = (mirrored.place / name / kind for kind in (".coming-1", ".going-2"))
    for folder in (half, gone):
        folder.mkdir()
        (folder / "run.sqlite").write_bytes(b"half")
    whole = mirrored.snapshots(name)
    assert mirrored.names() == [name] and half not in whole
    snapshot = shutil.copytree(whole[0], home.path / "snapshot")
    for _ in range(3):
        mirrored.send(snapshot, name)
    assert not half.exists() and not gone.exists() and len(mirrored.snapshots(name)) == KEPT
    (mirrored.place / "0002-0000000000000").mkdir()  # begun, and nothing arrived
    assert mirrored.names() == [name]


def test_a_mirror_that_fails_is_said_and_training_goes_on(home, config, tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("no folder")
    monkeypatch.setenv(mirror.VARIABLE, str(blocked / "bucket"))
    run = control.new_run(home, config, save_every=0)
    assert train_here(home, run) == "finished"
    assert "The mirror did not take" in events_of(home, run, "mirror")[0]


def test_a_damaged_snapshot_is_a_sentence_and_leaves_nothing(mirrored, tmp_path: Path) -> None:
    (name,) = mirrored.names()
    for snapshot in mirrored.snapshots(name):
        (snapshot / "run.sqlite").write_bytes(os.urandom(5000))
    fresh = Home(tmp_path / "fresh")
    with pytest.raises(UserError):
        mirror.restore(fresh, mirrored, name)
    assert control.run_names(fresh) == [] and not list(fresh.path.glob(".coming*"))
    mirror.restore_all(fresh, mirrored)  # a page that starts says it and serves
    with pytest.raises(UserError, match="There is no run '../x' in the mirror"):
        mirror.restore(fresh, mirrored, "../x")


def test_a_last_snapshot_that_does_not_arrive_is_said(home: Home, config: TrainConfig) -> None:
    class Slow:
        def send(self, snapshot: Path, name: str) -> None:
            gate.wait(60)

    gate, run = threading.Event(), control.new_run(home, config)
    with Store(home.run(run)) as store:
        said: list[str] = []
        sending = mirror.Mirroring(
            Slow(), home, home.run(run), store, lambda _, text: said.append(text)
        )
        sending.checkpoint()
        sending.finish(0)
        gate.set()
        sending.sender.join()
    assert said == ["The mirror did not take the last snapshot: it took longer than 0 s."]


def of_a_stranger(mirrored: FolderMirror, **facts: object) -> str:
    """The name of a run in the mirror, of which somebody wrote these."""
    (name,) = mirrored.names()
    for snapshot in mirrored.snapshots(name):
        with Store(RunFolder(snapshot)) as store:
            store.set(**facts)
    return name


@pytest.mark.parametrize("number", ["../../escaped/0007", "{out}/0007", "0007"])
def test_the_group_of_a_mirrored_run_stays_in_the_home(mirrored, tmp_path: Path, number) -> None:
    number = number.format(out=tmp_path / "escaped")
    group = {"word": "lab", "lab": number, "created": 1.0, "runs": []}
    name, fresh = of_a_stranger(mirrored, group=group), Home(tmp_path / "fresh")
    mirror.restore(fresh, mirrored, name)
    assert not list(tmp_path.rglob("escaped"))
    assert groups.names(fresh, "lab") == ["0007" if number == "0007" else "0001"]


@pytest.mark.parametrize("own", ["dataset", "../../elsewhere", "dataset./tmp.0", "dataset.x.0/.."])
def test_pictures_in_a_mirror_have_a_name_and_no_path(mirrored, tmp_path: Path, own: str) -> None:
    name, fresh = of_a_stranger(mirrored, own_data=own), Home(tmp_path / "fresh")
    with pytest.raises(UserError, match="There are no pictures"):
        mirror.restore(fresh, mirrored, name)
    assert control.run_names(fresh) == []


def test_damaged_pictures_in_a_mirror_are_a_sentence(mirrored, tmp_path: Path) -> None:
    own = f"dataset.pets.{'0' * 16}"
    name, fresh = of_a_stranger(mirrored, own_data=own), Home(tmp_path / "fresh")
    sent = tmp_path / "sent"
    sent.mkdir()
    (sent / PACKED).write_bytes(os.urandom(3000))
    mirrored.send(sent, own)
    with pytest.raises(UserError, match="The pictures in the mirror are damaged"):
        mirror.restore(fresh, mirrored, name)
    assert control.run_names(fresh) == [] and not Library(fresh, "pets").folder.exists()


def test_what_cannot_be_brought_leaves_the_others(mirrored, home: Home, tmp_path: Path) -> None:
    (whole,) = mirrored.names()
    damaged = "0000-0000000000001"  # comes first
    shutil.copytree(mirrored.place / whole, mirrored.place / damaged)
    for snapshot in mirrored.snapshots(damaged):
        (snapshot / "run.sqlite").write_bytes(os.urandom(5000))
    fresh, other = Home(tmp_path / "fresh"), Home(tmp_path / "other")
    mirror.restore_all(fresh, mirrored)
    words = ["mirror", f"{mirrored.place}", "--restore", "--home", f"{other.path}"]
    with pytest.raises(UserError, match=damaged):
        args = parser().parse_args(words)
        args.function(args)
    assert control.run_names(fresh) == control.run_names(other) == ["0001"]


@pytest.mark.parametrize("text", ["bucket", "hub:", "hub:me", "hub:me/a b"])
def test_what_is_no_mirror_is_refused(text: str) -> None:
    with pytest.raises(UserError):
        mirror_at(text)
