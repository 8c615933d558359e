"""Other people's pictures are decoded in a process of its own, with little memory and time.

    Decoders().decode(path)     # RGB pixels, or UserError

The process stays for the next picture; one that overruns its time is killed and replaced. Here runs
both sides: `Decoder` in the page, `serve` in the process (`python -m resnet_demo.images.decoder`).
"""

import json
import os
import queue
import resource
import select
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import BinaryIO

import numpy as np

from resnet_demo.config import UserError
from resnet_demo.images.decode import opened, orientation, strips, upright

ROOT = Path(__file__).resolve().parent.parent.parent
SECONDS = 5.0  # for one picture
MEMORY_BYTES = 350 * 2**20  # the process's own, beside the libraries it maps
HEADER = struct.Struct(">I")  # length of the JSON that goes before the pixels


class TookTooLong(Exception):
    """The process did not answer in time."""


class Decoder:
    """One process; it decodes one picture at a time."""

    def __init__(self) -> None:
        self.process: subprocess.Popen | None = None

    def decode(self, path: Path) -> np.ndarray:
        """uint8 (H, W, 3), upright. Raises UserError: one sentence of at most 140 characters."""
        try:
            return self.ask(path)
        except TookTooLong:
            self.end()
            raise UserError(
                f"This picture took longer than {SECONDS:.0f} s to decode; it was given up."
            ) from None
        except (EOFError, OSError):
            self.end()
            raise UserError("This picture broke the decoder; it was given up.") from None

    def ask(self, path: Path) -> np.ndarray:
        if self.process is None or self.process.poll() is not None:
            self.process = start()
        deadline = time.monotonic() + SECONDS
        self.process.stdin.write(json.dumps(str(path.absolute())).encode() + b"\n")
        self.process.stdin.flush()
        (length,) = HEADER.unpack(self.receive(HEADER.size, deadline))
        told = json.loads(bytes(self.receive(length, deadline)))
        if "error" in told:
            raise UserError(told["error"])
        height, width = told["height"], told["width"]
        data = self.receive(height * width * 3, deadline)
        return upright(np.frombuffer(data, np.uint8).reshape(height, width, 3), told["turn"])

    def receive(self, count: int, deadline: float) -> bytearray:
        data = bytearray(count)
        view, pipe = memoryview(data), self.process.stdout.fileno()
        while view:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([pipe], [], [], left)[0]:
                raise TookTooLong
            done = os.readv(pipe, [view])
            if done == 0:
                raise EOFError
            view = view[done:]
        return data

    def end(self) -> None:
        """Kill the process; the next picture starts another."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process.stdin.close()
            self.process.stdout.close()
            self.process = None


class Decoders:
    """Some processes for many visitors; who comes when all are busy waits."""

    def __init__(self, count: int = 2) -> None:
        self.free: queue.SimpleQueue[Decoder] = queue.SimpleQueue()
        for _ in range(count):
            self.free.put(Decoder())

    def decode(self, path: Path) -> np.ndarray:
        """As Decoder.decode."""
        decoder = self.free.get()
        try:
            return decoder.decode(path)
        finally:
            self.free.put(decoder)


def start() -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-m", "resnet_demo.images.decoder"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


# --- in the process ----------------------------------------------------------------------------


def serve() -> None:
    """Answer paths on standard input until it is closed."""
    answers = sys.stdout.buffer
    for kind, limit in (
        (resource.RLIMIT_DATA, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, 0),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(kind, (limit, limit))
    for line in sys.stdin.buffer:
        answer(Path(json.loads(line)), answers)


def answer(path: Path, answers: BinaryIO) -> None:
    try:
        with open_regular(path) as file, opened(file) as image:
            tell(answers, height=image.height, width=image.width, turn=orientation(image))
            for strip in strips(image):
                answers.write(strip.tobytes())
    except UserError as error:
        tell(answers, error=str(error)[:140])
    answers.flush()


def tell(answers: BinaryIO, **told: object) -> None:
    data = json.dumps(told).encode()
    answers.write(HEADER.pack(len(data)) + data)


def open_regular(path: Path) -> BinaryIO:
    """Only what can neither block nor be endless."""
    try:
        about = path.stat()
        if stat.S_ISDIR(about.st_mode):
            raise UserError("This is a folder; give the pictures in it.")
        if not stat.S_ISREG(about.st_mode):
            raise UserError("This is not a regular file.")
        if about.st_size == 0:
            raise UserError("This file is empty.")
        return path.open("rb")
    except OSError as error:
        raise UserError(f"This file cannot be opened ({error.strerror}).") from None


if __name__ == "__main__":
    serve()
