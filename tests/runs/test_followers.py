"""Real processes that torchrun starts, really killed."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.runs import control, followers
from tests import commands
from tests.conftest import wait_until
from tests.runs.test_worker import digest, events_of, rows, step_of

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@pytest.fixture
def shared(config: TrainConfig) -> TrainConfig:
    """What could break exactness: bf16 where there is one, norms of each process, EMA, Muon."""
    return replace(config, ema=0.9, epochs=30)


@contextmanager
def torchrun(home: Home, *words: str, restarts: int = 0) -> Iterator[commands.Started]:
    """Two processes of one thread each; ended when the test ends."""
    command = ["torch.distributed.run", "--standalone", "--nproc-per-node=2"]
    command += [f"--max-restarts={restarts}", "--monitor-interval=0.1", "-m", "resnet_demo", *words]
    with TemporaryDirectory() as told:
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        process = commands.Started(environment, Path(told), *command, "--home", home.path)
        try:
            yield process
        finally:
            for pid in [*commands.ranks().values(), process.pid]:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            process.wait()


def options(config: TrainConfig) -> list[str]:
    return [*config.options(), "--save-every=0"]


def passes(home: Home, step: int, resumed: int = 0) -> bool:
    there = home.run("0001").store.exists() and step_of(home, "0001") > step
    return there and len(events_of(home, "0001", "resumed")) == resumed


def test_a_killed_process_is_started_again_and_leaves_no_trace(home: Home, shared) -> None:
    shared = replace(shared, epochs=20)
    with torchrun(home, "train", *options(shared), restarts=2) as process:
        for kills, (rank, step) in enumerate(((1, 8), (0, 40))):
            wait_until(partial(passes, home, step, kills), 90)
            os.kill(commands.ranks()[f"rank{rank}"], signal.SIGKILL)
        assert process.wait(90) == 0
    assert len(events_of(home, "0001", "resumed")) == 2
    with torchrun(home, "train", *options(shared)) as process:
        assert process.wait(90) == 0
    assert control.run_names(home) == ["0002", "0001"]
    assert rows(home, "0001") == rows(home, "0002")
    assert digest(home, "0001") == digest(home, "0002")
    assert not events_of(home, "0001", "not-exact")


def test_all_stop_and_one_process_goes_on_and_says_so(home: Home, shared, command) -> None:
    with torchrun(home, "train", *options(replace(shared, epochs=5000))) as process:
        wait_until(lambda: passes(home, 3), 90)
        assert control.send(home, "0001", "set", "epochs=30").startswith("epochs is 30")
        assert control.send(home, "0001", "pause").startswith("Paused at step")
        assert control.send(home, "0001", "resume").startswith("Going on at step")
        assert "everything is kept" in control.send(home, "0001", "stop")
        assert process.wait(30) == 0
    assert command("resume", "0001", "--home", home.path).returncode == 0
    assert control.read_run(home, "0001").epochs == 30
    (said,) = events_of(home, "0001", "not-exact")
    assert "begun on" in said and "2 processes of 1 thread" in said


def test_a_command_that_each_would_do_anew_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="only train and resume share their work. Got 'lab'"):
        followers.check_command("lab")
    assert "WORLD_SIZE" not in control.child_environment()
    monkeypatch.delenv("WORLD_SIZE")
    followers.check_command("lab")
