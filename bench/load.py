"""People classify on a public page while a run trains there: eight, thirty-two, eight and a greedy
one; and one picture through the page's API, alone. Everybody has an address of their own.
"""

import http.client
import io
import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from PIL import Image

from bench.viewers import served, window
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.store import Store

PEOPLE, CROWD, EVERY_SECONDS, PAIRS = 8, 32, 2.0, 5
HANDS = 40  # requests that the greedy visitor has open at all times
SINGLE, PACE_SECONDS = 40, 1.0  # an upload and a question each: what one address may
SIDE = 500  # of a typical photograph
BOUNDARY = "picture-boundary"
WELL, WAIT, WRONG = "answered", "told to wait", "errors"
Ask = tuple[float, float, str]  # seconds until the answer, of these the bare prediction, which


def measure(data: str, place: Path) -> dict[str, object]:
    os.environ["RESNET_DEMO_PUBLIC"] = "1"
    home = Home(place)
    home.make()
    with served(home) as port:
        person = Person(port)
        person.ask()  # loads the network
        alone = [person.ask() for _ in range(SINGLE) if not time.sleep(PACE_SECONDS)]
        return {"one_picture": over_bare(alone), **loaded(home, port, data)}


def loaded(home: Home, port: int, data: str) -> dict[str, object]:
    run = control.start(home, TrainConfig(data=data, px=128, start_px=128, epochs=1000))
    try:
        with Store(control.run_folder(home, run)) as store:
            while store.fact("step", 0) < 10:
                time.sleep(0.1)
            return {
                "load": beside_training(store, port, PEOPLE),
                "crowd": beside_training(store, port, CROWD),
                "beside_a_greedy_one": beside_training(store, port, PEOPLE, HANDS),
            }
    finally:
        control.cancel(home, run)


def beside_training(store: Store, port: int, number: int, hands: int = 0) -> dict[str, object]:
    """Training alone and with these people at the page, window by window."""
    pairs, answers, taken = [], [], []
    for _ in range(PAIRS):
        alone = window(store)
        with people(port, number, answers), greedy(port, hands, taken):
            pairs.append((round(window(store), 1), round(alone, 1)))
    ratio = round(median(a / b for a, b in pairs), 3)
    found = {**summary(answers), "training_ratio": ratio, "pairs_images_per_s": pairs}
    return {**found, "the_greedy_one": summary(taken)} if hands else found


def summary(answers: list[Ask]) -> dict[str, object]:
    seconds = [taken for taken, _, which in answers if which == WELL]
    counts = {which: sum(row[2] == which for row in answers) for which in (WELL, WAIT, WRONG)}
    if len(seconds) < 2:
        return counts
    return {
        **counts,
        "p50_s": round(median(seconds), 3),
        "p95_s": round(quantiles(seconds, n=20)[-1], 3),
    }


@contextmanager
def people(port: int, number: int, answers: list[Ask]) -> Iterator[None]:
    """One picture every two seconds each; a late answer makes the next question late."""

    def visit(index: int, done: threading.Event) -> None:
        person = Person(port, f"127.0.1.{index + 1}")
        done.wait(index * EVERY_SECONDS / number)
        while not done.is_set():
            answers.append(person.ask())
            done.wait(max(0.0, EVERY_SECONDS - answers[-1][0]))

    with at_once(visit, number):
        yield


@contextmanager
def greedy(port: int, hands: int, answers: list[Ask]) -> Iterator[None]:
    """One visitor who asks with many hands and never waits."""

    def grab(index: int, done: threading.Event) -> None:
        person = Person(port, "127.0.2.1")
        while not done.is_set():
            answers.append(person.ask())

    with at_once(grab, hands):
        yield


@contextmanager
def at_once(work: Callable[[int, threading.Event], None], number: int) -> Iterator[None]:
    done = threading.Event()
    threads = [threading.Thread(target=work, args=(index, done)) for index in range(number)]
    for thread in threads:
        thread.start()
    yield
    done.set()
    for thread in threads:
        thread.join()


class Person:
    """Uploads a photograph of their own and asks what it is, as curl would."""

    def __init__(self, port: int, address: str = "127.0.0.1") -> None:
        self.port, self.address = port, address
        noise = np.random.default_rng(id(self)).integers(0, 255, (20, 20, 3), np.uint8)
        data = io.BytesIO()
        Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(data, "JPEG")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"'
        self.body = f"{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + data.getvalue()
        self.body += f"\r\n--{BOUNDARY}--\r\n".encode()

    def ask(self) -> Ask:
        started = time.perf_counter()
        try:
            bare, which = self.answered()
        except OSError:
            bare, which = 0.0, WRONG
        return time.perf_counter() - started, bare, which

    def answered(self) -> tuple[float, str]:
        form = f"multipart/form-data; boundary={BOUNDARY}"
        with closing(self.connection()) as connection:
            status, paths = post(connection, "upload", self.body, form)
            if status == 429:
                return 0.0, WAIT
            picture = {"path": paths[0], "meta": {"_type": "gradio.FileData"}}
            question = json.dumps({"data": [picture, "bundled", 5]}).encode()
            status, event = post(connection, "call/classify", question, "application/json")
            if status == 429:
                return 0.0, WAIT
            connection.request("GET", f"/gradio_api/call/classify/{event['event_id']}")
            told = connection.getresponse().read().decode()
        if "event: complete" not in told:
            return 0.0, WRONG
        (said,) = json.loads(told.split("data: ")[-1])
        (row,) = said["images"]
        which = WELL if "top" in row else WAIT if "Busy" in row.get("error", "") else WRONG
        return row.get("ms", 0) / 1000, which

    def connection(self) -> http.client.HTTPConnection:
        here = (self.address, 0)
        return http.client.HTTPConnection("127.0.0.1", self.port, 60, source_address=here)


def post(
    connection: http.client.HTTPConnection, path: str, body: bytes, kind: str
) -> tuple[int, object]:
    connection.request("POST", f"/gradio_api/{path}", body, {"Content-Type": kind})
    answer = connection.getresponse()
    return answer.status, json.load(answer)


def over_bare(answers: list[Ask]) -> dict[str, object]:
    over = [1000 * (taken - bare) for taken, bare, _ in answers]
    return {
        "n": len(answers),
        "errors": sum(which != WELL for _, _, which in answers),
        "bare_p50_ms": round(1000 * median(bare for _, bare, _ in answers), 1),
        "over_bare_p50_ms": round(median(over), 1),
        "over_bare_p95_ms": round(quantiles(over, n=20)[-1], 1),
    }
