"""A run on a rented machine: real processes as machines, a loop-back Hub that rents them."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.data.importing import import_path
from resnet_demo.progress import finish
from resnet_demo.runs import control, rented
from resnet_demo.runs.scheduler import train_here
from tests.commands import command
from tests.conftest import draw_folder, wait_until
from tests.hub import Hub
from tests.runs.test_worker import digest, events_of, rows

WHERE = ("--mirror", "hub:me/runs", "--flavor", "t4-small")
Jobs = Callable[..., SimpleNamespace]


@pytest.fixture
def config(config: TrainConfig) -> TrainConfig:
    """As elsewhere, on pictures that another machine has too."""
    return replace(config, data="shapes", num_train=40, num_val=20)


def machine(hub: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The environment of a machine: this Python, and a pip that finds everything there."""
    place = tmp_path / "machine"
    place.mkdir()
    (place / "pip").write_text("#!/bin/sh\nexit 0\n")
    (place / "pip").chmod(0o755)
    path = f"{place}:{Path(sys.executable).parent}:{hub['PATH']}"
    return {**hub, "PATH": path, "HF_HOME": str(place / "hf"), "TMPDIR": str(place)}


@pytest.fixture
def jobs(home: Home, hub: dict[str, str], handler: type[Hub], tmp_path: Path) -> Iterator[Jobs]:
    """The sub-command."""
    handler.machine = machine(hub, tmp_path)

    def ask(*words: object) -> SimpleNamespace:
        told = {**hub, "HF_TOKEN": "hf_good"}
        done = command(told, "jobs", *words, "--json", "--home", home.path)
        answer = json.loads(done.stdout) if done.returncode == 0 else {}
        return SimpleNamespace(**answer, error=done.stderr if done.returncode else "")

    yield ask
    for process in handler.jobs.values():
        if process.poll() is None:
            process.kill()
        process.wait()


def ended(handler: type[Hub]) -> bool:
    """All machines."""
    return all(process.poll() is not None for process in handler.jobs.values())


def has_sent(handler: type[Hub]) -> bool:
    """A snapshot, since the machine was asked for."""
    asked = list(handler.asked)
    start = max(number for number, line in enumerate(asked) if line.startswith("POST /api/jobs/"))
    return any("/commit/" in line for line in asked[start:])


def fetched_when(condition: Callable[[type[Hub]], bool], jobs: Jobs, handler: type[Hub]) -> str:
    """The run's state then."""
    wait_until(lambda: condition(handler))
    found = jobs("fetch", "0001")
    assert not found.error
    return found.state


def test_a_run_comes_back_as_it_would_have_been_here(jobs, handler, home: Home, config) -> None:
    begun = jobs("start", *config.options(), *WHERE, "--yes")
    assert not begun.error and (begun.run, begun.state) == ("0001", "queued")
    assert fetched_when(ended, jobs, handler) == "finished"
    reference = control.new_run(home, config)
    assert train_here(home, reference) == "finished"
    assert rows(home, "0001") == rows(home, reference)
    assert digest(home, "0001") == digest(home, reference)
    assert (home.run("0001").weights / "best.safetensors").is_file()
    (said,) = events_of(home, "0001", "rented")
    assert said == "Asked for a rented machine, t4-small: $0.40 an hour, at most $0.80 for 2 h."
    assert rented.away(home) == [] == jobs("list").runs


def test_nothing_is_rented_for_a_run_that_would_fail(jobs, handler, home: Home, config) -> None:
    for wrong, why in (
        (dict(init="bundled", arch="resnet50"), "Cannot start a resnet50 from bundled"),
        (dict(data="dataset:none"), "There is no data set 'none' here"),
    ):
        refused = jobs("start", *replace(config, **wrong).options(), *WHERE, "--yes")
        assert why in refused.error
    assert not handler.jobs and not control.run_names(home)


def test_own_pictures_go_along(jobs, handler, home: Home, config, tmp_path: Path) -> None:
    drawn = draw_folder(tmp_path / "drawn", 12, 4, px=32)
    finish(import_path(home, "pets", str(drawn)))
    own = replace(config, data="dataset:pets")
    assert not jobs("start", *own.options(), *WHERE, "--yes").error
    assert fetched_when(ended, jobs, handler) == "finished"
    reference = control.new_run(home, own)
    assert train_here(home, reference) == "finished"
    assert digest(home, "0001") == digest(home, reference)


def test_a_stopped_machine_loses_nothing_and_the_run_goes_on_here(
    jobs, handler, home, config
) -> None:
    long = replace(config, epochs=80)
    jobs("start", *long.options(), *WHERE, "--save-every=0.2", "--yes")
    assert fetched_when(has_sent, jobs, handler) == "running"
    for refused in (
        lambda: control.send(home, "0001", "pause"),
        lambda: control.resume(home, "0001"),
        lambda: control.delete(home, "0001"),
    ):
        with pytest.raises(rented.UserError, match="on a rented machine"):
            refused()
    assert "only a run that is left" in jobs("resume", "0001", *WHERE, "--yes").error
    assert "told to end" in jobs("stop", "0001").answer
    assert fetched_when(ended, jobs, handler) != "running"
    row = control.read_run(home, "0001")
    assert 0 < row.step < row.steps and "resume it" in row.message
    assert train_here(home, "0001") == "finished"
    reference = control.new_run(home, long)
    assert train_here(home, reference) == "finished"
    assert digest(home, "0001") == digest(home, reference)


def test_a_run_that_was_begun_here_goes_on_there(jobs, handler, home, config) -> None:
    half = replace(config, iterations=5)
    assert train_here(home, control.new_run(home, half)) == "finished"
    assert "finished" in jobs("resume", "0001", *WHERE, "--yes").error
    with control.Store(home.run("0001")) as store:
        store.set(state="stopped", config=config.to_dict())
    assert not jobs("resume", "0001", *WHERE, "--yes").error
    assert fetched_when(ended, jobs, handler) == "finished"
    assert control.read_run(home, "0001").step > 5


def test_a_machine_that_the_hub_has_forgotten_holds_nothing(jobs, home, config, handler) -> None:
    long = replace(config, epochs=200)
    jobs("start", *long.options(), *WHERE, "--yes")
    (process,) = handler.jobs.values()
    process.kill()
    process.wait()
    handler.jobs.clear()
    assert jobs("fetch", "0001").state == "interrupted" and rented.away(home) == []
    assert "deleted" in control.delete(home, "0001")


def test_a_run_that_cannot_be_looked_at_hides_no_other(jobs, home, config, handler) -> None:
    long = replace(config, epochs=200)
    assert not jobs("start", *long.options(), *WHERE, "--yes").error
    left = control.new_run(home, config)
    for name in (left, "0009"):  # marks of runs that were deleted, one by a name that came again
        (home.path / "rented" / name).touch()
    found = jobs("list")
    assert not found.error and [run["run"] for run in found.runs] == ["0001", left]
    assert "was not sent" in found.runs[1]["message"]
    assert rented.away(home) == ["0001"]


def test_nothing_is_rented_before_its_price_was_read(jobs, home, config, handler) -> None:
    assert not jobs("start", *config.options(), *WHERE).error
    assert [one["flavor"] for one in jobs("hardware").hardware] == ["cpu-basic", "t4-small"]
    assert handler.asked == [] and control.run_names(home) == []


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--data=folder:/somewhere", *WHERE), "cannot see folder:somewhere"),
        (("--data=dataset:mine", *WHERE), "There is no data set 'mine' here"),
        (("--init=file:/a.st", "--arch=resnet8", *WHERE), "cannot see file:/a.st"),
        (("--hours=0", *WHERE), "between 0 and 48. Got 0"),
        (("--mirror=/a/folder",), "sends to hub:USER/REPO. Got '/a/folder'"),
        (("--mirror=hub:runs",), "not of the form USER/REPO"),
        ((*WHERE, "--flavor=t5"), "There is no flavor 't5'. Choose one of: cpu-basic, t4-small"),
    ],
)
def test_what_cannot_work_is_refused_and_leaves_no_run(jobs, home, words, says) -> None:
    assert says in jobs("start", "--data=shapes", *words, "--yes").error
    assert control.run_names(home) == [] == rented.away(home)


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "does not know this token"),
        (402, "me has no credit left"),
        (403, "may not rent machines for me"),
        (500, "trouble of its own (status 500)"),
    ],
)
def test_a_hub_that_rents_nothing_leaves_no_run(jobs, home, handler, status, says) -> None:
    handler.pushed = {"/api/jobs/": status}
    assert says in jobs("start", "--data=shapes", *WHERE, "--yes").error
    assert control.run_names(home) == [] == rented.away(home)


def test_a_machine_that_never_trained_is_said(jobs, handler, home, config, tmp_path) -> None:
    (tmp_path / "machine" / "pip").write_text("#!/bin/sh\nexit 1\n")
    jobs("start", *config.options(), *WHERE, "--yes")
    assert fetched_when(ended, jobs, handler) != "queued"
    row = control.read_run(home, "0001")
    assert row.state == "interrupted" and "The rented machine ended (error)" in row.message
