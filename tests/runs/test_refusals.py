"""What a run is refused, and what a broken one does to others."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.runs import control
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from tests.conftest import draw_folder
from tests.runs.test_worker import events_of, start_process, step_of


def test_a_missing_folder_fails_with_a_sentence(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, replace(config, data="folder:/nowhere"))
    with pytest.raises(UserError, match="There is no folder /nowhere"):
        train_here(home, run)
    assert control.read_run(home, run).message.startswith("There is no folder")


def test_pictures_are_looked_at_before_a_run_is_made(home: Home, config: TrainConfig) -> None:
    nowhere = replace(config, data="folder:/nowhere")
    for start in (lambda: control.start(home, nowhere), lambda: labs.create(home, "", [nowhere])):
        with pytest.raises(UserError, match="There is no folder /nowhere"):
            start()
    assert not list(home.runs.iterdir()) and not list(home.labs.iterdir())


def test_weights_to_start_from_are_read_before_a_run_is_made(home: Home, config) -> None:
    with pytest.raises(UserError, match="Cannot start a resnet8 from scratch:resnet20"):
        control.start(home, replace(config, init="scratch:resnet20"))
    assert not list(home.runs.iterdir())


def test_a_run_whose_pictures_were_moved_goes_on(home: Home, config, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "data", 12, 4)
    run = control.new_run(home, replace(config, data=f"folder:{data}"), save_every=0)
    start_process(home, run, "step", 4).wait(60)
    data.rename(tmp_path / "moved")
    with pytest.raises(UserError, match="There is no folder"):
        train_here(home, run)
    other = draw_folder(tmp_path / "other", 12, 4, px=8)
    with pytest.raises(UserError, match="does not hold the pictures that run"):
        control.move_data(home, run, f"folder:{other}")
    control.move_data(home, run, f"folder:'{tmp_path / 'moved'}'")
    assert train_here(home, run) == "finished"
    assert control.read_run(home, run).data == f"folder:{tmp_path / 'moved'}"


def test_copies_of_the_pictures_are_the_same_whatever_their_times(
    home: Home, config: TrainConfig, tmp_path: Path
) -> None:
    data = draw_folder(tmp_path / "data", 12, 4)
    run = control.new_run(home, replace(config, data=f"folder:{data}", epochs=1))
    train_here(home, run)
    copied = shutil.copytree(data, tmp_path / "copied", copy_function=shutil.copyfile)
    for count, path in enumerate(sorted(copied.rglob("*.png"))):
        os.utime(path, (count, count))
    control.move_data(home, run, f"folder:{copied}")
    train_here(home, run)
    assert not events_of(home, run, "not-exact")
    Image.new("RGB", (40, 40)).save(copied / "train" / "red" / "000.png")
    with pytest.raises(UserError, match="does not hold the pictures that run"):
        control.move_data(home, run, f"folder:{copied}")
    train_here(home, run)
    assert events_of(home, run, "not-exact") == [
        "Some pictures changed since the run began; it goes on with these."
    ]


def test_fewer_pictures_than_a_batch_make_smaller_batches(home: Home, config) -> None:
    run = control.new_run(home, replace(config, batch_size=64, epochs=1))
    assert train_here(home, run) == "finished"
    with Store(control.run_folder(home, run)) as store:
        said = [event["text"] for event in store.events() if event["kind"] == "data"]
        assert store.fact("steps") == 5
    assert said == ["36 training pictures are fewer than a batch of 64: trained in batches of 8."]


def test_a_small_disk_is_refused_before_training(home: Home, config, monkeypatch) -> None:
    import shutil

    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 0))
    run = control.new_run(home, config)
    with pytest.raises(UserError, match="0 MB left; the run needs"):
        train_here(home, run)
    assert step_of(home, run) == 0


def test_a_run_of_another_version_is_listed_and_left(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config)
    with Store(control.run_folder(home, run)) as store:
        store.set(config={**config.to_dict(), "colour": 1})
    (row,) = control.list_runs(home)
    assert "colour" in row.message
    with pytest.raises(UserError, match="colour"):
        control.resume(home, run)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_unwritable_home_is_refused(tmp_path: Path, config: TrainConfig) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Cannot write"):
        control.new_run(Home(tmp_path / "home"), config)


def test_pictures_that_changed_in_number_are_refused(home: Home, config, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "data", 12, 4)
    run = control.new_run(home, replace(config, data=f"folder:{data}"), save_every=0)
    start_process(home, run, "step", 4).wait(60)
    (data / "train" / "red" / "000.png").unlink()
    with pytest.raises(UserError, match=r"\[3, 36, 12\] then, \[3, 35, 12\] now"):
        train_here(home, run)


def test_a_damaged_store_is_listed_and_harms_no_other(home: Home, config: TrainConfig) -> None:
    good, bad = control.new_run(home, config), control.new_run(home, config)
    for path in control.run_folder(home, bad).path.glob("run.sqlite*"):
        path.write_bytes(b"no database" * 500)
    rows_ = {row.run: row for row in control.list_runs(home)}
    assert rows_[good].state == "queued" and "cannot be read" in rows_[bad].message


@pytest.mark.parametrize("setting", ["lr=abc", "epochs=inf", "px=64"])
def test_a_senseless_change_is_refused_at_once(setting, home: Home, config) -> None:
    run = control.new_run(home, config)
    with pytest.raises(UserError):
        control.send(home, run, "set", setting)
    with Store(control.run_folder(home, run)) as store:
        assert not store.pending()
