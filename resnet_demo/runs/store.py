"""One run's SQLite file: the only channel between the worker, the page and the command line.

The worker writes metrics, facts and events; everybody else reads, and leaves commands. Local disk
only: WAL needs shared memory.
"""

import json
import logging
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Required, TypedDict, cast

from resnet_demo.config import CHECKPOINTS, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import Json
from resnet_demo.run_folder import RunFolder

log = logging.getLogger(__name__)
VERSION = 1  # of the schema
DAMAGE = (sqlite3.Error, ValueError, KeyError, TypeError, AttributeError)
SCHEMA = """
CREATE TABLE facts(name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID;
CREATE TABLE metrics(step INTEGER, name TEXT, value REAL, PRIMARY KEY(step, name)) WITHOUT ROWID;
CREATE TABLE events(id INTEGER PRIMARY KEY, time REAL, step INTEGER, kind TEXT, text TEXT);
CREATE TABLE commands(id INTEGER PRIMARY KEY, time REAL, name TEXT, value TEXT, answer TEXT);
"""


class Event(TypedDict):
    """Something that happened to a run, as its page tells it."""

    id: int
    time: float
    step: int
    kind: str  # "started", "set", "stopped", ...
    text: str


class Job(TypedDict):
    """The rented machine that a run was last sent to."""

    id: str
    owner: str  # who pays
    repo: str  # by which it comes back
    flavor: str
    price: str
    away: bool  # the machine has not ended


class Facts(TypedDict, total=False):
    """What is known of a run besides its measurements; a key appears when it is first known."""

    config: Required[Json]  # a TrainConfig, as it was asked for
    created: Required[float]  # Unix time, as `alive` and `woken`
    state: Required[str]  # as its worker wrote it; see snapshot.state_of
    message: str  # why it failed, or what it waits for
    woken: float  # when it was last put in the queue
    alive: float  # when its worker last gave a sign of life
    generation: int  # worker processes so far
    together: list[str]  # runs that take turns with it
    step: int  # trained, of `steps`
    steps: int
    epoch: int
    seconds: float  # spent on training
    px: int  # the side that the time allowed
    params: int
    classes: list[str]
    blocks: list[str]  # whose gradients are measured
    num_train: int  # pictures that it used
    num_val: int
    sizes: list[int]  # of the data: classes, training and validation pictures
    prints: list[str]  # fingerprints of the data's splits: of their files
    pixels: list[str]  # digests of what was made of them
    cutting: int  # pixel_cache.CUTTING of the version that trained last
    group: Json  # the lab or sweep that it was begun in, see groups
    own_data: str  # what a mirror calls the person's pictures, see mirrored_data
    threads: int  # on which bit-exact results depend, as on `machine`
    machine: str
    estimate: str
    save_every: float  # seconds between two checkpoints
    diverged: int | None  # step at which it stopped being finite
    job: Job | None
    pretrained: bool  # whether it began with somebody's weights


class Store:
    """Open store of one run folder."""

    def __init__(self, folder: RunFolder) -> None:
        self.path = folder.store
        if not self.path.is_file():
            raise UserError(f"There is no run {folder.run} here.")
        try:
            self.db = connect(self.path)
            version = self.db.execute("PRAGMA user_version").fetchone()[0]
        except sqlite3.Error as error:
            raise UserError(f"The store of run {folder.run} cannot be read ({error}).") from None
        if version != VERSION:
            self.close()
            raise UserError(
                f"Run {folder.run} was written by another version (format {version}, here "
                f"{VERSION}). Open it with that version; nothing was changed."
            )

    @classmethod
    def create(cls, folder: RunFolder, config: TrainConfig, **facts: object) -> "Store":
        """Make the file complete or not at all."""
        partial = folder.path / "run.sqlite.partial"
        db = connect(partial)
        db.executescript(f"BEGIN; {SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
        rows = {"config": config.to_dict(), "state": "queued", "created": time.time(), **facts}
        write_facts(db, rows)
        db.close()
        partial.rename(folder.store)
        return cls(folder)

    def __enter__(self) -> "Store":
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        """What a damaged file makes of reading it is told as a sentence: nothing on a disk is
        trusted to be whole."""
        self.close()
        if isinstance(error, DAMAGE):
            log.warning("Run %s cannot be read.", self.path.parent.name, exc_info=error)
            raise UserError(
                f"The file of run {self.path.parent.name} is damaged ({str(error)[:80]}). Its "
                f"weights may be whole: run:{self.path.parent.name}@last. Put {self.path.name} "
                f"back, or delete the run."
            ) from error

    def close(self) -> None:
        self.db.close()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing."""
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")

    @contextmanager
    def moment(self) -> Iterator[None]:
        """What is read within belongs together."""
        self.db.execute("BEGIN")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK")

    def make_durable(self) -> None:
        """To the disk, before a checkpoint claims that these rows exist."""
        self.db.execute("PRAGMA wal_checkpoint(PASSIVE)")

    # --- facts -----------------------------------------------------------------------------

    def facts(self) -> Facts:
        rows = self.db.execute("SELECT name, value FROM facts")
        return cast(Facts, {name: json.loads(value) for name, value in rows})

    def fact(self, name: str, default: Any = None) -> Any:
        """One of `Facts`."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return json.loads(row[0]) if row else default

    def set(self, **facts: object) -> None:
        write_facts(self.db, facts)

    @property
    def config(self) -> TrainConfig:
        return TrainConfig.from_dict(self.fact("config"))

    # --- metrics ---------------------------------------------------------------------------

    def add_metrics(self, at: int, metrics: dict[str, float], **facts: object) -> None:
        """Rows of step `at` and facts, in one transaction; an old row is replaced, not doubled."""
        rows = [(at, name, value) for name, value in metrics.items()]
        with self.transaction():
            self.db.executemany("INSERT OR REPLACE INTO metrics VALUES (?, ?, ?)", rows)
            write_facts(self.db, facts)

    def metrics(self, names: Iterable[str], since: int = -1) -> dict[str, list[tuple[int, float]]]:
        """{name: [(step, value), ...]} of the rows after step `since`, by step."""
        series: dict[str, list[tuple[int, float]]] = {name: [] for name in names}
        marks = ",".join("?" * len(series))
        query = f"SELECT name, step, value FROM metrics WHERE step > ? AND name IN ({marks})"
        for name, step, value in self.db.execute(f"{query} ORDER BY step", (since, *series)):
            series[name].append((step, value))
        return series

    def binned(self, name: str, width: int, since: int = -1) -> list[tuple[int, float]]:
        """[(last step, mean)] of every `width` steps after step `since` that have all values."""
        rows = self.db.execute(
            "SELECT (step - 1) / ? AS bin, avg(value), count(*) FROM metrics"
            " WHERE name = ? AND step > ? GROUP BY bin ORDER BY bin",
            (width, name, since),
        )
        return [((bin + 1) * width, value) for bin, value, count in rows if count == width]

    def last(self, name: str) -> float | None:
        query = "SELECT value FROM metrics WHERE name = ? ORDER BY step DESC LIMIT 1"
        row = self.db.execute(query, (name,)).fetchone()
        return row[0] if row else None

    def epoch_metrics(self) -> dict[str, float]:
        """Everything measured at the step at which the last epoch ended; empty before."""
        last = "SELECT step FROM metrics WHERE name = 'top1' ORDER BY step DESC LIMIT 1"
        return dict(self.db.execute(f"SELECT name, value FROM metrics WHERE step = ({last})"))

    def best(self, name: str) -> float | None:
        query = "SELECT max(value) FROM metrics WHERE name = ?"
        return self.db.execute(query, (name,)).fetchone()[0]

    def mean(self, name: str) -> float | None:
        query = "SELECT avg(value) FROM metrics WHERE name = ?"
        return self.db.execute(query, (name,)).fetchone()[0]

    def rewind(self, step: int) -> None:
        """Forget what came after `step`: it is about to be done again."""
        self.db.execute("DELETE FROM metrics WHERE step > ?", (step,))

    # --- events and commands -----------------------------------------------------------------

    def add_event(self, step: int, kind: str, text: str) -> None:
        self.db.execute(
            "INSERT INTO events(time, step, kind, text) VALUES (?, ?, ?, ?)",
            (time.time(), step, kind, text),
        )

    def events(self, since: int = 0) -> list[Event]:
        rows = self.db.execute(
            "SELECT id, time, step, kind, text FROM events WHERE id > ? ORDER BY id", (since,)
        )
        return [
            Event(id=number, time=time, step=step, kind=kind, text=text)
            for number, time, step, kind, text in rows
        ]

    def changes(self) -> list[tuple[int, str, float]]:
        """(step, setting, value), in the order in which they were made."""
        return [
            (event["step"], *json.loads(event["text"]))
            for event in self.events()
            if event["kind"] == "set"
        ]

    def send(self, name: str, value: str = "") -> int:
        cursor = self.db.execute(
            "INSERT INTO commands(time, name, value) VALUES (?, ?, ?)", (time.time(), name, value)
        )
        return cursor.lastrowid or 0

    def pending(self) -> list[tuple[int, str, str]]:
        """(id, name, value) of commands that nobody has answered."""
        query = "SELECT id, name, value FROM commands WHERE answer IS NULL ORDER BY id"
        return self.db.execute(query).fetchall()

    def answer(self, command: int, text: str) -> None:
        self.db.execute("UPDATE commands SET answer = ? WHERE id = ?", (text, command))

    def answer_to(self, command: int) -> str | None:
        query = "SELECT answer FROM commands WHERE id = ?"
        return self.db.execute(query, (command,)).fetchone()[0]


def connect(path: Path) -> sqlite3.Connection:
    """What ships with the program is only read, and so is a file on a disk that cannot be written
    to: no files of SQLite's come to lie beside it."""
    ships = any(path.absolute().is_relative_to(place) for place in CHECKPOINTS)
    if ships or not os.access(path.parent, os.W_OK):
        place = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
        return sqlite3.connect(place, uri=True, check_same_thread=False)
    db = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def write_facts(db: sqlite3.Connection, facts: Json) -> None:
    rows = [(name, json.dumps(value)) for name, value in facts.items()]
    db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", rows)
