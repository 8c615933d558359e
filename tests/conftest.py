"""Tiny real things: folders of pictures, small networks, real processes."""

import os
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import priority
from tests import commands
from tests.hub import Hub

ROOT = Path(__file__).resolve().parent.parent
os.environ["HF_HUB_OFFLINE"] = "1"  # read when huggingface_hub is imported
WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER and hasattr(os, "sched_setaffinity"):
    # Before torch counts them: a core for each worker and all that it starts. Two that share two
    # cores take three times as long, since the threads of one spin while the other's wait.
    # And a session: Linux shares time out among sessions first, and a browser, which has its own,
    # gets a tenth of its core where the others' session is busy on two (autogroup, sched(7)).
    os.setsid()
    CORES = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {CORES[int(WORKER.removeprefix("gw")) % len(CORES)]})
# A training in this process would have all that tests start later, pages too, behind in line.
priority.give_way = lambda: None
commands.fork_what_is_started()  # imports torch


@pytest.fixture
def home(tmp_path: Path) -> Home:
    place = Home(tmp_path / "home")
    place.make()
    return place


def draw_folder(root: Path, train: int, val: int, px: int = 40) -> Path:
    """Three classes told apart by colour; `train` and `val` pictures of each."""
    random = np.random.default_rng(0)
    for split, count in (("train", train), ("val", val)):
        for channel, name in enumerate(("blue", "green", "red")):
            place = root / split / name
            place.mkdir(parents=True)
            for index in range(count):
                pixels = random.integers(0, 160, (px, px, 3))
                pixels[..., 2 - channel] += 60
                Image.fromarray(pixels.astype(np.uint8)).save(place / f"{index:03d}.png")
    return root


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 36 + 12 pictures; not to be changed."""
    return draw_folder(tmp_path_factory.mktemp("pictures"), 12, 4)


@pytest.fixture
def config(pictures: Path) -> TrainConfig:
    """A run of 3 epochs of 5 steps, in about a second."""
    return TrainConfig(**small(pictures))


def small(pictures: Path) -> dict[str, object]:
    return dict(
        data=f"folder:{pictures}",
        arch="resnet8",
        epochs=3,
        px=16,
        start_px=16,
        batch_size=8,
        lr=0.01,
        probe_every=2,
    )


@pytest.fixture
def command() -> Callable[..., subprocess.CompletedProcess]:
    """`python -m resnet_demo ...` to its end."""

    def run(*words: object, **environment: str) -> subprocess.CompletedProcess:
        return commands.command({**os.environ, **environment}, *words)

    return run


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The runs whose files are opened, one entry each time."""
    from resnet_demo.runs import store

    found, connect = [], store.connect

    def connected(path: Path) -> object:
        found.append(path.parent.name)
        return connect(path)

    monkeypatch.setattr(store, "connect", connected)
    return found


def wait_until(condition: Callable[[], object], seconds: float = 60) -> object:
    """The condition's first true value; fails after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)  # a look may take as long as the work that is waited for
    raise AssertionError(f"not so within {seconds} s")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """`python app.py` on a home of its own."""

    def __init__(self, home: Path, port: int | None = None, **environment: str) -> None:
        self.home, self.port = home, port or free_port()
        self.process = commands.Started(
            {**os.environ, **environment}, Path(tempfile.mkdtemp(dir=home.parent)),
            "app", "--home", home, "--port", self.port,
        )  # fmt: skip
        wait_until(lambda: "\n" in self.process.said() or self.process.poll() is not None)
        self.line = self.process.said()
        self.url = f"http://127.0.0.1:{self.port}"

    def kill(self, number: int = signal.SIGKILL) -> None:
        self.process.send_signal(number)
        self.process.wait(20)


def end_runs(home: Home) -> None:
    """Those that still train."""
    from resnet_demo.runs import control
    from resnet_demo.runs.locks import is_held

    for run in control.run_names(home):
        lock = home.run(run).lock
        if is_held(lock):
            control.cancel(home, run)
            wait_until(lambda lock=lock: not is_held(lock))


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Start page servers; they and the workers they started end with the test."""
    servers: list[Server] = []

    def start(home: Path = tmp_path / "home", **options) -> Server:
        servers.append(Server(home, **options))
        return servers[-1]

    yield start
    for server in servers:
        if server.process.poll() is None:
            server.kill()
        end_runs(Home(server.home))


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A page for the tests of a file that need no other of their own."""
    server = Server(tmp_path_factory.mktemp("shared") / "home")
    yield server
    server.kill()
    end_runs(Home(server.home))


@pytest.fixture
def handler(tmp_path: Path) -> type[Hub]:
    return type(
        "Handler", (Hub,), {"root": tmp_path / "hub", "asked": [], "pushed": {}, "jobs": {}}
    )


@pytest.fixture
def hub(tmp_path: Path, handler: type[Hub]) -> Iterator[dict[str, str]]:
    """The environment of a process that uses this Hub."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield {
        **os.environ,
        "HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "HF_HOME": str(tmp_path / "hf"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
    }
    server.shutdown()
    server.server_close()
