"""Other people's pictures: a picture or one sentence, in time, with little memory."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from resnet_demo.errors import Busy, UserError
from resnet_demo.images import decoder as rooms
from resnet_demo.images.decoder import Decoder, Decoders
from tests.conftest import wait_until
from tests.images.odd_pictures import COLOUR, all_cases, encoded, many_scans, tiff_of

MEMORY_MIB = 400
STARTING = 1  # second, for a process that takes the place of a killed one
TOLERANCE = 3  # mean difference of 255 grey levels
LOSSY = {"jpeg cmyk": 6, "tiff cmyk": 6}  # without a colour profile there is no one right answer


@pytest.fixture
def decoder() -> Iterator[Decoder]:
    made = Decoder()
    yield made
    made.end()


@pytest.fixture
def good(tmp_path: Path) -> Path:
    """A picture of COLOUR."""
    path = tmp_path / "good.png"
    path.write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    return path


def peak_mib(decoder: Decoder) -> float:
    lines = Path(f"/proc/{decoder.process.pid}/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith("VmHWM"))) / 1024


def outcome(decoder: Decoder, path: Path) -> np.ndarray | str:
    try:
        return decoder.decode(path)
    except UserError as error:
        return str(error)


def test_no_picture_breaks_it(decoder: Decoder, tmp_path: Path) -> None:
    cases = all_cases()
    assert len(cases) >= 120
    for name, (data, wanted) in cases.items():
        path = tmp_path / "x.jpg"  # the extension says nothing
        path.write_bytes(data)
        started = time.monotonic()
        got = outcome(decoder, path)
        assert time.monotonic() - started < 5.5 + STARTING, name
        if isinstance(got, str):
            assert wanted is None, f"{name}: {got}"
            assert len(got) <= 140 and got.endswith(".") and "\n" not in got, name
            assert str(tmp_path) not in got and "Traceback" not in got, name
        elif wanted is not None:
            assert got.shape == wanted.shape, name
            difference = np.abs(got.astype(np.int16) - wanted).mean()
            assert difference <= LOSSY.get(name, TOLERANCE), f"{name}: {difference}"
        if decoder.process is not None:
            assert peak_mib(decoder) <= MEMORY_MIB, name


def test_a_picture_that_takes_too_long_is_given_up(
    decoder: Decoder, good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = tmp_path / "slow.jpg"
    slow.write_bytes(many_scans(3000, 600))
    decoder.decode(good)
    first = decoder.process.pid
    monkeypatch.setattr(rooms, "SECONDS", 0.2)
    with pytest.raises(UserError, match="longer than"):
        decoder.decode(slow)
    monkeypatch.undo()
    assert np.array_equal(decoder.decode(good), COLOUR)
    assert decoder.process.pid != first


def test_a_killed_process_is_replaced(decoder: Decoder, good: Path) -> None:
    decoder.decode(good)
    decoder.process.kill()
    decoder.process.wait()
    assert np.array_equal(decoder.decode(good), COLOUR)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "folder"),
        (lambda path: os.mkfifo(path), "not a regular file"),
        (lambda path: path.touch(), "empty"),
        (lambda path: None, "cannot be opened"),
    ],
    ids=["folder", "fifo", "empty", "missing"],
)
def test_what_is_no_file_is_refused(decoder: Decoder, tmp_path: Path, make, says: str) -> None:
    make(tmp_path / "x")
    with pytest.raises(UserError, match=says):
        decoder.decode(tmp_path / "x")


def test_large_pictures_keep_their_size(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "large.jpg"
    Image.new("RGB", (6000, 5000), (10, 200, 30)).save(path)
    pixels = decoder.decode(path)
    assert pixels.shape == (5000, 6000, 3)
    assert np.abs(pixels[::500, ::500].astype(int) - [10, 200, 30]).mean() < TOLERANCE


FASTEST = {  # of their encoders
    "HEIF": {"enc_params": {"preset": "ultrafast"}},
    "WEBP": {"method": 0},
    "AVIF": {"speed": 10},
}


@pytest.mark.parametrize("kind", FASTEST)
def test_large_pictures_of_hungry_formats_are_decoded_or_told(
    decoder: Decoder, tmp_path: Path, kind: str
) -> None:
    import pillow_heif

    pillow_heif.register_heif_opener()
    path = tmp_path / "photo"
    for side, decoded in ((2500, True), (7000, False)):
        picture = Image.new("RGB", (side, side), (10, 200, 30))
        picture.save(path, kind, quality=40, **FASTEST[kind])
        got = outcome(decoder, path)
        assert peak_mib(decoder) <= MEMORY_MIB
        if decoded:
            assert np.abs(got[::500, ::500].astype(int) - [10, 200, 30]).mean() < TOLERANCE
        else:
            assert isinstance(got, str) and "too much memory" in got


def test_many_visitors_share_a_few_processes(good: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    decoders = Decoders(2)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: decoders.decode(good), range(40)))
    assert all(np.array_equal(one, COLOUR) for one in found)
    assert len(decoders.free) == 2 and not decoders.waiting
    for made in decoders.free:
        made.end()


def test_who_comes_when_too_many_wait_is_told_so(tmp_path: Path) -> None:
    decoders = Decoders(1, most_waiting=0)
    with pytest.raises(Busy, match="Ask again in"):
        decoders.decode(tmp_path / "x.png")


def test_the_smallest_picture_goes_first() -> None:
    decoders, order = Decoders(1), []
    threads = []

    def visit(size: int) -> None:
        with decoders.place(size):
            order.append(size)

    with decoders.place(0):
        for size in (300, 100, 200):
            threads.append(threading.Thread(target=visit, args=(size,)))
            threads[-1].start()
        wait_until(lambda: len(decoders.waiting) == 3)
    for thread in threads:
        thread.join()
    assert order == [100, 200, 300]


def test_a_refused_picture_is_not_decoded_again(tmp_path: Path) -> None:
    path = tmp_path / "bad.jpg"
    path.write_text("no picture")
    decoders = Decoders(1)
    with pytest.raises(UserError) as first:
        decoders.decode(path)
    (decoder,) = decoders.free
    decoder.end()
    with pytest.raises(UserError) as second:
        decoders.decode(path)
    assert str(first.value) == str(second.value) and decoder.process is None
    path.write_bytes(encoded(Image.fromarray(COLOUR), "PNG"))
    assert np.array_equal(decoders.decode(path), COLOUR), "another file under that name"
    decoder.end()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [("START_SECONDS", 0, "Busy"), ("start", lambda: ended(), "ended at its start")],
)
def test_a_process_that_does_not_start_is_no_refusal_of_the_picture(
    good: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: object, says: str
) -> None:
    decoders = Decoders(1)
    monkeypatch.setattr(rooms, name, value)
    with pytest.raises(UserError, match=says):
        decoders.decode(good)
    monkeypatch.undo()
    assert np.array_equal(decoders.decode(good), COLOUR)
    decoders.end()


def ended() -> subprocess.Popen[bytes]:
    return subprocess.Popen(["false"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)


LIAR = """
import json, struct, sys
def send(data): sys.stdout.buffer.write(struct.pack(">I", len(data)) + data)
def tell(**words): send(json.dumps(words).encode())
for line in sys.stdin.buffer:
    number, path, side = json.loads(line)
    about = dict(number=number, height=2, width=2, turn=1)
    %s
    sys.stdout.buffer.flush()
"""
LIES = {
    "error text in place of pixels": 'tell(**about); tell(number=number, error="no"); tell()',
    "more pixels than promised": "tell(**about); send(b'x' * 13); send(b''); tell(number=number)",
    "an endless picture": "tell(number=number, height=10**6, width=10**6, turn=1)",
    "no size": "tell(number=number, height='2', width=None, turn=1)",
    "another's answer": "tell(**about | dict(number=number - 1)); send(b'x' * 12); send(b'')",
    "no JSON": "send(b'no json')",
    "a list": "send(b'[]')",
    "a frame without end": "sys.stdout.buffer.write(b'\\xff' * 4)",
    "nothing": "sys.exit()",
}


@pytest.mark.parametrize("lie", LIES.values(), ids=LIES)
def test_a_lying_process_is_ended_and_the_next_answer_is_right(
    decoder: Decoder, good: Path, lie: str
) -> None:
    program = [sys.executable, "-c", LIAR % lie]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    decoder.process = subprocess.Popen(program, **pipes)
    with pytest.raises(UserError, match="broke the decoder"):
        decoder.decode(good)
    assert decoder.process is None
    assert np.array_equal(decoder.decode(good), COLOUR)


def test_an_error_after_the_first_pixels_is_an_error(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    path.write_bytes(b"x")
    lie = "tell(**about); send(b'x' * 3); send(b''); tell(number=number, error='It broke.')"
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    decoder.process = subprocess.Popen([sys.executable, "-c", LIAR % lie], **pipes)
    with pytest.raises(UserError, match="It broke."):
        decoder.decode(path)


def test_sixteen_bits_in_either_order_are_the_same_picture(
    decoder: Decoder, tmp_path: Path
) -> None:
    values = np.linspace(0, 65535, 40 * 30).reshape(30, 40).astype(np.uint16)
    wanted = np.clip(values * (255 / 65535) + 0.5, 0, 255).astype(np.uint8)
    for order in ("<u2", ">u2"):
        path = tmp_path / "grey.tiff"
        path.write_bytes(tiff_of(values.astype(order)))
        pixels = decoder.decode(path)
        assert np.array_equal(pixels, np.repeat(wanted[..., None], 3, axis=2)), order


def test_a_cut_webp_is_called_broken(decoder: Decoder, tmp_path: Path) -> None:
    path = tmp_path / "cut.webp"
    whole = encoded(Image.fromarray(COLOUR), "WEBP")
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(whole[: int(share * len(whole))])
        got = outcome(decoder, path)
        assert isinstance(got, str) and "memory" not in got, got


def test_a_photograph_is_decoded_no_larger_than_asked(decoder: Decoder, tmp_path: Path) -> None:
    Image.new("RGB", (4000, 3000), (200, 30, 60)).save(tmp_path / "phone.jpg")
    Image.new("RGB", (400, 300), (200, 30, 60)).save(tmp_path / "small.png")
    assert decoder.decode(tmp_path / "phone.jpg", 641).shape == (750, 1000, 3)
    assert decoder.decode(tmp_path / "phone.jpg").shape == (3000, 4000, 3)
    assert decoder.decode(tmp_path / "small.png", 641).shape == (300, 400, 3)
