"""What is read from disk is never trusted to be whole: a damaged run is a row that says so."""

import json
import os
import random
import time

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.lab import store as labs
from resnet_demo.runs import control, measurements, push, snapshot
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.ui.requests import Cursor, TrainRequest
from resnet_demo.ui.train.feed import Feed
from resnet_demo.ui.train.panel import Live
from tests.conftest import wait_until


@pytest.fixture
def trained(home: Home, config: TrainConfig) -> bytes:
    """The file of run 0002, beside a whole 0001."""
    for _ in range(2):
        train_here(home, control.new_run(home, config))
    return (home.runs / "0002" / "run.sqlite").read_bytes()


def spoilt(whole: bytes, rng: random.Random) -> bytes:
    data = bytearray(whole)
    kind = rng.choice(("flip", "cut", "zero", "noise", "text"))
    if kind == "cut":
        return bytes(data[: rng.randrange(len(data))])
    start = rng.randrange(len(data))
    length = rng.choice((1, 16, 512, 4096))
    new = {
        "flip": bytes(255 - byte for byte in data[start : start + length]),
        "zero": bytes(length),
        "noise": rng.randbytes(length),
        "text": b"[null]" * length,
    }[kind]
    data[start : start + length] = new[: len(data) - start]
    return bytes(data)


def test_150_damages_have_no_effect_on_another_run(home: Home, trained: bytes) -> None:
    rng = random.Random(0)
    whole_row, folder = control.read_run(home, "0001"), home.runs / "0002"
    for _ in range(150):
        for path in folder.glob("run.sqlite*"):
            path.unlink()
        (folder / "run.sqlite").write_bytes(spoilt(trained, rng))
        rows = {row.run: row for row in control.list_runs(home)}
        assert rows["0001"] == whole_row and rows["0002"].state in ("failed", "finished")
        request = TrainRequest(main="0002", runs={"0001": Cursor(), "0002": Cursor()})
        answer = Feed(home).poll(request)
        assert answer["main"] == "0002" and answer["series"]["0001"]["lines"]["loss"]
        for read in (Live(home).csv, Live(home).details):
            try:
                read("0002")
            except UserError as error:
                assert "0002" in str(error)


@pytest.mark.parametrize(
    ("name", "value"), [("config", "null"), ("config", "[1]"), ("created", "{"), ("state", "7")]
)
def test_a_fact_of_another_kind_is_damage(name: str, value: str, home: Home, config) -> None:
    run = control.new_run(home, config)
    with Store(control.run_folder(home, run)) as store:
        store.db.execute("UPDATE facts SET value = ? WHERE name = ?", (value, name))
    (row,) = control.list_runs(home)
    assert row.state == "failed" and "damaged" in row.message
    assert Feed(home).poll(TrainRequest(main=run))["main"] == run


OF_ANOTHER = json.dumps({"protocol": "later", "data": "shapes", "created": 1.0, "runs": []})


@pytest.mark.parametrize(
    "text", ["", "null", "[]", "{", '{"runs": 7}', '{"runs": [null]}', OF_ANOTHER]
)
def test_a_damaged_lab_is_told(text: str, home: Home) -> None:
    config = TrainConfig(data="shapes", arch="resnet8")
    lab = labs.create(home, "quick", [config])
    (home.labs / lab.lab / "lab.json").write_text(text)
    with pytest.raises(UserError, match=f"file of lab {lab.lab} is damaged"):
        labs.open_lab(home, lab.lab)


def test_stray_files_and_a_clock_set_back_do_not_block_the_queue(home: Home, config) -> None:
    run, dead = control.new_run(home, config), control.new_run(home, config)
    queue = home.path / "queue"
    for name in (".DS_Store", "notes-1.txt", f"{time.time_ns() + 10**15:020d}-{dead}", "1-"):
        (queue / name).touch()
    (queue / f"{0:020d}-{dead}").touch()
    assert train_here(home, run) == "finished"


def test_a_stopped_process_is_said_to_be_silent(home: Home, config, monkeypatch) -> None:
    run = control.start(home, TrainConfig(**config.to_dict() | {"epochs": 5000}))
    wait_until(lambda: control.read_run(home, run).step > 2)
    monkeypatch.setattr(snapshot, "SILENT_SECONDS", 0.0)
    assert "No sign of life for" in control.read_run(home, run).message
    control.cancel(home, run)


def test_a_home_that_cannot_be_written_to_is_still_read(home: Home, trained, monkeypatch) -> None:
    expected = list(control.list_runs(home))
    monkeypatch.setattr(os, "access", lambda path, mode: mode != os.W_OK)
    before = {path: path.stat().st_mtime_ns for path in home.path.rglob("*")}
    assert list(control.list_runs(home)) == expected
    assert {path: path.stat().st_mtime_ns for path in home.path.rglob("*")} == before


@pytest.mark.parametrize("name", ["report.json", measurements.BLOCKS])
@pytest.mark.parametrize("text", ["", "{", "[1]"])
def test_a_damaged_measurement_is_none(name: str, text: str, home: Home, trained) -> None:
    measurements.write(home, "0001", measurements.BLOCKS, {"n": 1})
    assert measurements.read(home, "0001", measurements.BLOCKS)
    (home.run("0001").path / name).write_text(text)
    assert measurements.read(home, "0001", measurements.BLOCKS) is None
    assert bool(push.run_behind(home, "run:0001")) == (name != "report.json")
