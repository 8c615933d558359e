"""Other people's pictures are decoded in a process of its own, with little memory and time.

    Decoders().decode(path)     # RGB pixels, or UserError

The process (`images.decoder_process`) stays for the next picture; one that overruns its time is
killed and replaced.
"""

import heapq
import itertools
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from resnet_demo.errors import Busy, UserError
from resnet_demo.files import Json
from resnet_demo.images.decode import MAX_PIXELS, upright
from resnet_demo.images.decoder_process import HEADER, READY

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 5.0  # for one picture
START_SECONDS = 30.0  # for a process, on a machine that has other work
LONGEST_JSON = 4096
PLACES = 4  # pictures decoded at once: more than cores, so that a slow one does not hold up others
MOST_WAITING, WAIT_SECONDS = 16, 15.0  # who comes later, or waits longer, is told to come again
NOT_STARTED = "The process that decodes pictures ended at its start: is the memory full? Try again."
MOST_REFUSED = 1000  # pictures whose refusal is remembered


class TookTooLong(Exception):
    """The process did not answer in time."""


class BrokenProtocol(EOFError):
    """The process said what no answer to this request can be: it is not to be trusted again."""


class Decoder:
    """One process; it decodes one picture at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.number = 0  # of requests, so that no answer is taken for another's

    def decode(self, path: Path, side: int = 0) -> np.ndarray:
        """uint8 (H, W, 3), upright. Raises UserError: one sentence of at most 140 characters.
        side: as in `decode.opened`."""
        try:
            return self.ask(path, side)
        except TookTooLong:
            self.end()
            raise UserError(
                f"This picture took longer than {SECONDS:.0f} s to decode; it was given up."
            ) from None
        except (EOFError, OSError):
            self.end()
            raise UserError("This picture broke the decoder; it was given up.") from None

    def ask(self, path: Path, side: int) -> np.ndarray:
        process = self.begin()
        self.number += 1
        deadline = time.monotonic() + SECONDS
        request = json.dumps([self.number, str(path.absolute()), side])
        pipes(process)[0].write(request.encode() + b"\n")
        pipes(process)[0].flush()
        about = self.receive_json(deadline)
        if "error" in about:
            raise UserError(str(about["error"]))
        height, width, turn = (about.get(name) for name in ("height", "width", "turn"))
        if not type(height) is type(width) is type(turn) is int:
            raise BrokenProtocol
        data = self.receive_pixels(height, width, deadline)
        status = self.receive_json(deadline)
        if "error" in status:
            raise UserError(str(status["error"]))
        return upright(np.frombuffer(data, np.uint8).reshape(height, width, 3), turn)

    def begin(self) -> subprocess.Popen[bytes]:
        """A process that is ready: its start does not count as a picture's time. Raises UserError
        when there is none to be had."""
        if self.process is not None and self.process.poll() is None:
            return self.process
        self.end()
        try:
            self.number, self.process = READY, start()
            self.receive_json(time.monotonic() + START_SECONDS)
        except TookTooLong:
            self.end()
            raise Busy from None
        except (EOFError, OSError):
            self.end()
            raise UserError(NOT_STARTED) from None
        return self.process

    def receive_json(self, deadline: float) -> Json:
        """A frame that belongs to this request. Raises BrokenProtocol for anything else."""
        length = self.receive_length(deadline)
        if length > LONGEST_JSON:
            raise BrokenProtocol
        try:
            message = json.loads(bytes(self.receive(length, deadline)))
        except ValueError:
            raise BrokenProtocol from None
        if not isinstance(message, dict) or message.get("number") != self.number:
            raise BrokenProtocol
        return message

    def receive_pixels(self, height: int, width: int, deadline: float) -> bytearray:
        """Frames of pixels until an empty one; fewer than promised when an error comes next."""
        if not 0 < height * width <= MAX_PIXELS:
            raise BrokenProtocol
        data, done = bytearray(height * width * 3), 0
        while length := self.receive_length(deadline):
            if done + length > len(data):
                raise BrokenProtocol
            self.receive_into(memoryview(data)[done : done + length], deadline)
            done += length
        return data

    def receive_length(self, deadline: float) -> int:
        return HEADER.unpack(self.receive(HEADER.size, deadline))[0]

    def receive(self, count: int, deadline: float) -> bytearray:
        data = bytearray(count)
        self.receive_into(memoryview(data), deadline)
        return data

    def receive_into(self, view: memoryview, deadline: float) -> None:
        if self.process is None:
            raise EOFError
        pipe = pipes(self.process)[1].fileno()
        while view:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise TookTooLong
            done = os.readv(pipe, [view])
            if done == 0:
                raise EOFError
            view = view[done:]

    def end(self) -> None:
        """Kill the process; the next picture starts another."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            for pipe in pipes(self.process):
                pipe.close()
            self.process = None


class Decoders:
    """Some processes for many visitors. When all are busy the smallest file goes first."""

    def __init__(self, count: int = PLACES, most_waiting: int = MOST_WAITING) -> None:
        self.most_waiting = most_waiting
        self.free = [Decoder() for _ in range(count)]
        self.waiting: list[tuple[int, int]] = []  # (bytes, ticket), a heap
        self.tickets = itertools.count()
        self.changed = threading.Condition()
        self.refused: OrderedDict[tuple, str] = OrderedDict()

    def decode(self, path: Path, side: int = 0) -> np.ndarray:
        """As Decoder.decode; raises Busy when too many wait. A picture that was refused is not
        decoded again."""
        identity = identity_of(path)
        if identity in self.refused:
            raise UserError(self.refused[identity])
        with self.place(identity[-1]) as decoder:
            decoder.begin()  # where it cannot, that is not the picture's doing
            try:
                return decoder.decode(path, side)
            except UserError as error:
                self.remember(identity, str(error))
                raise

    @contextmanager
    def place(self, size: int) -> Iterator[Decoder]:
        """A process of one's own, when it is one's turn."""
        mine = (size, next(self.tickets))
        with self.changed:
            if len(self.waiting) >= self.most_waiting:
                raise Busy
            heapq.heappush(self.waiting, mine)
            my_turn = self.changed.wait_for(
                lambda: self.free and self.waiting[0] == mine, WAIT_SECONDS
            )
            self.waiting.remove(mine)
            heapq.heapify(self.waiting)
            self.changed.notify_all()
            if not my_turn:
                raise Busy
            decoder = self.free.pop()
        try:
            yield decoder
        finally:
            with self.changed:
                self.free.append(decoder)
                self.changed.notify_all()

    def end(self) -> None:
        """End the processes of those that are free."""
        with self.changed:
            for decoder in self.free:
                decoder.end()

    def remember(self, identity: tuple, sentence: str) -> None:
        with self.changed:
            self.refused[identity] = sentence
            while len(self.refused) > MOST_REFUSED:
                self.refused.popitem(last=False)


def identity_of(path: Path) -> tuple[str, int, int]:
    """Changes with the file: (path, time, bytes)."""
    try:
        about = path.stat()
        return str(path), about.st_mtime_ns, about.st_size
    except (OSError, ValueError):
        return str(path), 0, 0


def pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes]]:
    """Its standard input and output, which `start` opens."""
    assert process.stdin and process.stdout
    return process.stdin, process.stdout


def start() -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_demo.images.decoder_process"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
