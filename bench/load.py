"""Eight people classify while a run trains; and one picture through the page's API, alone."""

import http.client
import io
import json
import threading
import time
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles

import numpy as np
from PIL import Image

from bench.viewers import served, window
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.store import Store

PEOPLE, EVERY_SECONDS, PAIRS = 8, 2.0, 5
SINGLE, SIDE = 40, 500  # requests one after the other; a typical photograph's side
BOUNDARY = "picture-boundary"
Ask = tuple[float, float, bool]  # seconds until the answer, of these the bare prediction, well?


def measure(data: str, place: Path) -> dict[str, object]:
    home = Home(place)
    home.make()
    with served(home) as port:
        person = Person(port)
        person.ask()  # loads the network
        alone = [person.ask() for _ in range(SINGLE)]
        return {"one_picture": over_bare(alone), "load": loaded(home, port, data)}


def loaded(home: Home, port: int, data: str) -> dict[str, object]:
    """Training alone and with eight people at the page, window by window."""
    run = control.start(home, TrainConfig(data=data, px=128, start_px=128, epochs=1000))
    answers: list[Ask] = []
    pairs = []
    with Store(control.run_dir(home, run)) as store:
        while store.fact("step", 0) < 10:
            time.sleep(0.1)
        for _ in range(PAIRS):
            alone = window(store)
            with people(port, answers):
                pairs.append((round(window(store), 1), round(alone, 1)))
    control.cancel(home, run)
    seconds = [taken for taken, _, _ in answers]
    return {
        "answers": len(answers),
        "errors": sum(not well for _, _, well in answers),
        "p50_s": round(median(seconds), 3),
        "p95_s": round(quantiles(seconds, n=20)[-1], 3),
        "training_ratio": round(median(a / b for a, b in pairs), 3),
        "pairs_images_per_s": pairs,
    }


@contextmanager
def people(port: int, answers: list[Ask]):
    done = threading.Event()
    threads = [
        threading.Thread(target=visit, args=(port, done, index * EVERY_SECONDS / PEOPLE, answers))
        for index in range(PEOPLE)
    ]
    for thread in threads:
        thread.start()
    yield
    done.set()
    for thread in threads:
        thread.join()


def visit(port: int, done: threading.Event, offset: float, answers: list[Ask]) -> None:
    """One picture every two seconds; a late answer makes the next question late."""
    person = Person(port)
    done.wait(offset)
    while not done.is_set():
        answers.append(person.ask())
        done.wait(max(0.0, EVERY_SECONDS - answers[-1][0]))


class Person:
    """Uploads a photograph of their own and asks what it is, as curl would."""

    def __init__(self, port: int) -> None:
        self.port = port
        noise = np.random.default_rng(id(self)).integers(0, 255, (20, 20, 3), np.uint8)
        data = io.BytesIO()
        Image.fromarray(noise).resize((SIDE, SIDE), Image.Resampling.BICUBIC).save(data, "JPEG")
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="files"; filename="a.jpg"'
        self.body = f"{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode() + data.getvalue()
        self.body += f"\r\n--{BOUNDARY}--\r\n".encode()

    def ask(self) -> Ask:
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        form = f"multipart/form-data; boundary={BOUNDARY}"
        (path,) = post(connection, "upload", self.body, form)
        picture = {"path": path, "meta": {"_type": "gradio.FileData"}}
        question = json.dumps({"data": [picture, "bundled", 5]}).encode()
        event = post(connection, "call/classify", question, "application/json")["event_id"]
        connection.request("GET", f"/gradio_api/call/classify/{event}")
        answer = connection.getresponse().read().decode()
        connection.close()
        seconds = time.perf_counter() - started
        if "event: complete" not in answer:
            return seconds, 0.0, False
        (said,) = json.loads(answer.split("data: ")[-1])
        (row,) = said["images"]
        return seconds, row.get("ms", 0) / 1000, "top" in row


def post(connection: http.client.HTTPConnection, path: str, body: bytes, kind: str) -> object:
    connection.request("POST", f"/gradio_api/{path}", body, {"Content-Type": kind})
    return json.load(connection.getresponse())


def over_bare(answers: list[Ask]) -> dict[str, object]:
    over = [1000 * (taken - bare) for taken, bare, _ in answers]
    return {
        "n": len(answers),
        "errors": sum(not well for _, _, well in answers),
        "bare_p50_ms": round(1000 * median(bare for _, bare, _ in answers), 1),
        "over_bare_p50_ms": round(median(over), 1),
        "over_bare_p95_ms": round(quantiles(over, n=20)[-1], 1),
    }
