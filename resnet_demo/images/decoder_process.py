"""The process that decodes pictures, `python -m resnet_demo.images.decoder_process`."""

import json
import resource
import stat
import struct
import sys
from pathlib import Path
from typing import BinaryIO

from resnet_demo.errors import UserError
from resnet_demo.images.decode import opened, orientation, strips
from resnet_demo.limits import limit

MEMORY_BYTES = 350 * 2**20  # the process's own, beside the libraries it maps
HEADER = struct.Struct(">I")  # length of a frame
READY = 0  # the number of the frame by which a process says that it waits for pictures


def serve() -> None:
    """Answer paths on standard input until it is closed."""
    answers = sys.stdout.buffer
    limit(resource.RLIMIT_DATA, MEMORY_BYTES)
    limit(resource.RLIMIT_FSIZE, 0)
    limit(resource.RLIMIT_CORE, 0)
    send_json(answers, number=READY)
    answers.flush()
    for line in sys.stdin.buffer:
        number, path, side = json.loads(line)
        answer(number, Path(path), side, answers)


def answer(number: int, path: Path, side: int, answers: BinaryIO) -> None:
    """Frames: JSON about the picture, its pixels, an empty one, JSON that says whether all went
    well; or JSON with the error alone."""
    begun = False
    try:
        with open_regular(path) as file, opened(file, side) as image:
            about = {"height": image.height, "width": image.width, "turn": orientation(image)}
            for strip in strips(image):
                if not begun:
                    send_json(answers, number=number, **about)
                    begun = True
                send(answers, strip.tobytes())
        send(answers, b"")
        send_json(answers, number=number)
    except UserError as error:
        if begun:
            send(answers, b"")
        send_json(answers, number=number, error=str(error)[:140])
    answers.flush()


def send_json(answers: BinaryIO, **content: object) -> None:
    send(answers, json.dumps(content).encode())


def send(answers: BinaryIO, data: bytes) -> None:
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
