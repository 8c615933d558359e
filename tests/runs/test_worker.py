"""Real processes, really killed."""

import json
import math
import os
import shutil
import signal
from dataclasses import replace
from pathlib import Path

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from resnet_demo.runs.scheduler import train_here
from resnet_demo.runs.store import Store
from resnet_demo.runs.worker import Worker
from tests.commands import Started
from tests.conftest import draw_folder, wait_until

TIMINGS = ("images_per_s", "seconds", "val_seconds")


@pytest.fixture
def hard(config: TrainConfig) -> TrainConfig:
    """Everything that could break exactness: bf16 where there is one, augmentation, EMA, Muon."""
    return replace(config, ema=0.9, min_crop=0.4, label_smoothing=0.1)


def rows(home: Home, run: str) -> list[tuple]:
    """All metric rows but timings."""
    with Store(control.run_folder(home, run)) as store:
        found = store.db.execute("SELECT step, name, value FROM metrics ORDER BY step, name")
        return [row for row in found if row[1] not in TIMINGS]


def digest(home: Home, run: str) -> str:
    return json.loads(control.run_folder(home, run).report.read_text())["sha256"]


def start_process(home: Home, run: str, *dying: object) -> Started:
    words = (
        ["tests.runs.dying", home.path, run, *dying]
        if dying
        else ["resnet_demo", "resume", run, "--home", home.path]
    )
    return Started(dict(os.environ), home.path.parent, *words)


def step_of(home: Home, run: str) -> int:
    with Store(control.run_folder(home, run)) as store:
        return store.fact("step", 0)


def events_of(home: Home, run: str, kind: str) -> list[str]:
    with Store(control.run_folder(home, run)) as store:
        return [event["text"] for event in store.events() if event["kind"] == kind]


def test_three_kills_leave_no_trace(home: Home, hard: TrainConfig) -> None:
    """inside an epoch, inside a validation, and inside the writing of a checkpoint."""
    run = control.new_run(home, hard, save_every=0)
    with Store(control.run_folder(home, run)) as store:
        store.add_event(2, "set", json.dumps(["lr", 0.004]))
    for point, count in (("step", 4), ("validation", 1), ("checkpoint", 6)):
        assert start_process(home, run, point, count).wait(60) == -signal.SIGKILL
        assert control.read_run(home, run).state == "interrupted"
    assert start_process(home, run).wait(60) == 0

    reference = control.new_run(home, hard)
    with Store(control.run_folder(home, reference)) as store:
        store.add_event(2, "set", json.dumps(["lr", 0.004]))
    assert train_here(home, reference) == "finished"

    assert rows(home, run) == rows(home, reference)
    assert digest(home, run) == digest(home, reference)
    steps = [row[0] for row in rows(home, run) if row[1] == "loss"]
    assert steps == list(range(1, 16))
    resumed = [int(text.split()[3]) for text in events_of(home, run, "resumed")]
    assert resumed[0] == 3 and resumed[1] == 5 and resumed[2] == 7
    with Store(control.run_folder(home, run)) as store:
        assert max(value for _, value in store.metrics(["lr"])["lr"][2:]) <= 0.004


@pytest.mark.parametrize(("point", "count"), [("rows", 7), ("rename", 4)])
def test_a_kill_between_two_writes_is_mended(point, count, home: Home, hard) -> None:
    run = control.new_run(home, hard, save_every=0)
    assert start_process(home, run, point, count).wait(60) == -signal.SIGKILL
    assert start_process(home, run).wait(60) == 0
    reference = control.new_run(home, hard)
    train_here(home, reference)
    assert rows(home, run) == rows(home, reference) and digest(home, run) == digest(home, reference)


@pytest.fixture
def long_run(home: Home, config: TrainConfig):
    """A run that lasts until it is told otherwise, and its process."""
    run = control.new_run(home, replace(config, epochs=5000))
    process = start_process(home, run)
    wait_until(lambda: step_of(home, run) > 2)
    yield run, process
    if process.poll() is None:
        process.kill()
        process.wait()


def test_sigterm_saves_and_ends_well(home: Home, long_run) -> None:
    run, process = long_run
    process.send_signal(signal.SIGTERM)
    assert process.wait(5) == 0
    assert control.read_run(home, run).state == "interrupted"
    saved = max(home.run(run).checkpoints.iterdir()).name
    assert int(saved[5:13]) == step_of(home, run)


def test_pause_resume_change_and_stop_are_answered(home: Home, long_run) -> None:
    run, process = long_run
    assert control.send(home, run, "pause").startswith("Paused at step")
    assert control.read_run(home, run).state == "paused"
    held = step_of(home, run)
    assert "epochs is 4000" in control.send(home, run, "set", "epochs=4000")
    with pytest.raises(UserError, match="must be a number"):
        control.send(home, run, "set", "lr=fast")
    assert step_of(home, run) == held
    assert control.resume(home, run) == f"Going on at step {held}."
    wait_until(lambda: step_of(home, run) > held)
    assert "from step" in control.send(home, run, "set", "lr=0.002")
    assert "everything is kept" in control.send(home, run, "stop")
    assert process.wait(20) == 0
    row = control.read_run(home, run)
    assert (row.state, row.epochs) == ("stopped", 4000)
    with pytest.raises(UserError, match="nothing to pause"):
        control.send(home, run, "pause")


def test_cancel_removes_everything(home: Home, long_run) -> None:
    run, process = long_run
    assert "cancelled and removed" in control.cancel(home, run)
    process.wait(20)
    assert not (home.runs / run).exists() and control.run_names(home) == []
    assert not list(home.path.glob(".removed*")) and not list((home.path / "queue").iterdir())


def test_a_run_whose_folder_is_gone_ends(home: Home, long_run) -> None:
    _, process = long_run

    def removed() -> bool:  # it writes meanwhile
        shutil.rmtree(home.path, ignore_errors=True)
        return not home.path.exists()

    wait_until(removed)
    process.wait(20)
    assert not home.path.exists()


def test_a_run_at_work_is_neither_deleted_nor_trained_twice(home: Home, long_run) -> None:
    run, _ = long_run
    with pytest.raises(UserError, match="at work"):
        control.delete(home, run)
    with pytest.raises(UserError, match="at work in another process"):
        Worker(home, run)


def test_runs_take_their_turns_in_order(home: Home, config: TrainConfig, long_run) -> None:
    first, _ = long_run
    waiting = [control.start(home, replace(config, seed=seed)) for seed in (1, 2)]
    for run in waiting:
        wait_until(lambda run=run: control.read_run(home, run).message.startswith("Waiting for"))
    assert [control.read_run(home, run).state for run in waiting] == ["queued", "queued"]
    control.send(home, first, "stop")
    for run in waiting:
        wait_until(lambda run=run: control.read_run(home, run).state == "finished")
    began = [control.run_folder(home, run).checkpoints for run in waiting]
    assert began[0].stat().st_mtime <= began[1].stat().st_mtime
    for run in waiting:
        wait_until(lambda run=run: not is_held(home.run(run).lock))


def test_a_stopped_run_goes_on_with_more_epochs(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config)
    assert train_here(home, run) == "finished"
    assert "when it is resumed" in control.send(home, run, "set", "epochs=4")
    assert train_here(home, run) == "finished"
    row = control.read_run(home, run)
    assert (row.epoch, row.step, row.state) == (4, 20, "finished")


def test_a_diverging_run_keeps_the_last_good_weights(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, replace(config, optimizer="sgd", lr=100.0, warmup=0.0, epochs=50))
    with pytest.raises(UserError, match="stopped being a finite number at step"):
        train_here(home, run)
    row = control.read_run(home, run)
    assert row.state == "failed" and "lower lr" in row.message
    assert not list(home.run(run).epochs.glob("*.pt"))  # finite they were, and spoilt
    control.send(home, run, "set", "lr=0.001")
    assert train_here(home, run) == "finished"
    with Store(control.run_folder(home, run)) as store:
        assert any("it goes on " in event["text"] for event in store.events())
        assert math.isfinite(store.last("train_loss"))


def test_a_run_that_diverges_late_goes_back_to_its_last_finite_epoch(home: Home, config) -> None:
    run = control.new_run(home, replace(config, optimizer="sgd", epochs=20), save_every=0)
    start_process(home, run, "step", 12).wait(60)
    control.send(home, run, "set", "lr=100")
    with pytest.raises(UserError, match="stopped being a finite number at step"):
        train_here(home, run)
    with pytest.raises(UserError, match="stopped being"):  # the rate is as it was: no help
        train_here(home, run)
    control.send(home, run, "set", "lr=0.001")
    assert train_here(home, run) == "finished"
    with Store(control.run_folder(home, run)) as store:
        texts = [event["text"] for event in store.events() if event["kind"] == "went-back"]
        losses = [value for _, value in store.metrics(["loss"])["loss"]]
    assert len(texts) == 2 and all("from the end of epoch" in text for text in texts)
    assert len(losses) == 100 and all(map(math.isfinite, losses))


def test_weights_and_report_stay_after_the_end(home: Home, config: TrainConfig) -> None:
    from resnet_demo.models import reference

    run = control.new_run(home, config)
    train_here(home, run)
    names = sorted(path.name for path in home.run(run).weights.iterdir())
    assert names == ["best.safetensors", "epoch-001.safetensors", "epoch-002.safetensors",
                     "epoch-003.safetensors", "last.safetensors"]  # fmt: skip
    network = reference.load(f"run:{run}@last", home)
    assert network.classes == ("blue", "green", "red") and network.px == 16
    assert reference.load(f"run:{run}@2", home).about["epoch"] == "2"
    report = json.loads(home.run(run).report.read_text())
    with Store(control.run_folder(home, run)) as store:
        assert report["top1"] == pytest.approx(store.last("top1"))
        assert report["val_loss"] == pytest.approx(store.last("val_loss"), rel=1e-3)


def test_a_picture_that_breaks_is_counted_and_named(home: Home, config, tmp_path: Path) -> None:
    data = draw_folder(tmp_path / "data", 8, 4)
    (data / "train" / "red" / "000.png").write_bytes(b"x")
    run = control.new_run(home, replace(config, data=f"folder:{data}", epochs=1))
    train_here(home, run)
    (said,) = events_of(home, run, "data")
    assert said.startswith("1 picture left out, e.g. red/000.png: This is not a picture in one of")


def test_a_disk_that_fills_up_keeps_the_last_checkpoint(home: Home, config, monkeypatch) -> None:
    from resnet_demo.training import checkpoint

    original, calls = checkpoint.write_whole, []

    def write_whole(path: Path, write: object) -> None:
        calls.append(path)
        if len(calls) > 3:
            raise OSError(28, "No space left on device")
        original(path, write)

    run = control.new_run(home, config, save_every=0)
    monkeypatch.setattr(checkpoint, "write_whole", write_whole)
    with pytest.raises(UserError, match="No space left on device"):
        train_here(home, run)
    monkeypatch.undo()
    assert control.read_run(home, run).state == "failed"
    assert train_here(home, run) == "finished"
    assert events_of(home, run, "resumed") == ["Resumed at step 3 of 15."]


def test_another_number_of_threads_is_said(home: Home, config: TrainConfig) -> None:
    run = control.new_run(home, config, save_every=0)
    start_process(home, run, "step", 4).wait(60)
    with Store(control.run_folder(home, run)) as store:
        store.set(threads=1000)
    train_here(home, run)
    assert "1,000 threads" in events_of(home, run, "not-exact")[0]


def test_twenty_starts_at_once_make_twenty_runs(home: Home, config: TrainConfig) -> None:
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(20) as pool:
        names = list(pool.map(lambda _: control.new_run(home, config), range(20)))
    assert sorted(names) == [f"{number:04d}" for number in range(1, 21)]


def test_a_resume_needs_no_starting_weights(home: Home, config: TrainConfig) -> None:
    source = control.new_run(home, config)
    train_here(home, source)
    run = control.new_run(home, replace(config, init=f"run:{source}"), save_every=0)
    start_process(home, run, "step", 4).wait(60)
    control.delete(home, source)
    assert train_here(home, run) == "finished"


def test_epochs_cannot_be_lowered_below_what_is_done(home: Home, long_run) -> None:
    run, _ = long_run
    wait_until(lambda: control.read_run(home, run).epoch > 2)
    assert "has begun; epochs must be" in control.send(home, run, "set", "epochs=1")
