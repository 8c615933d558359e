"""What a stranger, and another web page, get out of a served page: nothing, in whole sentences.

Every probe is one request; the page is served twice, as on one's own machine and as in public.
"""

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

from bench.viewers import served
from resnet_demo.config import Home
from resnet_demo.runs import control

TRACES = ("Traceback", "site-packages", "most recent call", 'File "/')
API = "/gradio_api"
PANELS, JOIN = f"{API}/component_server", f"{API}/queue/join"
FOREIGN = ("https://evil.example", "http://127.0.0.1:1", "null", "http://localhost.evil.example")
GUESSES = 40
Probe = tuple[str, dict[str, object]]  # method and path, what httpx takes besides


def measure(data: str, place: Path) -> dict[str, object]:
    found = {}
    for public in (False, True):
        os.environ["RESNET_DEMO_PUBLIC"] = str(int(public))
        os.environ["RESNET_DEMO_ADMIN_TOKEN"] = "the-right-one"
        home = Home(place / f"home-{public}")
        home.make()
        with served(home) as port:
            found["public" if public else "own machine"] = attacked(home, port)
    total = sum(one["probes"] for one in found.values())
    return {"probes": total, **found}


def attacked(home: Home, port: int) -> dict[str, object]:
    secret = drawn_secret(home)
    counts: Counter[str] = Counter()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60) as client:
        config = client.get("/config").json()
        for kind, (request, options) in probes(config, secret):
            counts["probes"] += 1
            method, path = request.split(" ", 1)
            answer = client.request(method, path, **options)
            counts["answered 5xx"] += answer.status_code >= 500
            told = answer.text if "image" not in answer.headers.get("content-type", "") else ""
            told_back = told.replace(path.partition("file=")[2], "")  # what the probe said itself
            counts["traces or paths"] += any(
                word in told_back for word in (*TRACES, str(home.path))
            )
            counts["files read"] += secret.read_bytes() in answer.content or "root:" in told
            counts["foreign origins obeyed"] += kind == "foreign" and answer.status_code != 403
        if os.environ["RESNET_DEMO_PUBLIC"] == "1":
            counts["token found by guessing"] = int(found_by_guessing(client, config))
    counts["runs begun by strangers"] = len(control.run_names(home))
    return {name: counts[name] for name in sorted(counts, key=lambda name: name != "probes")}


def drawn_secret(home: Home) -> Path:
    path = home.path / "secret.png"
    noise = np.random.default_rng(7).integers(0, 256, (40, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).save(path)
    return path


def probes(config: dict, secret: Path) -> Iterator[tuple[str, Probe]]:
    panels = [
        (component["id"], name)
        for component in config["components"]
        for name in component["props"].get("server_fns") or ()
    ]
    for component, name in panels:
        for data in odd_values():
            yield "odd", panel(component, name, data)
        for file in spellings(secret):
            yield "file", panel(component, name, {"picture": file, **file})
    for dependency in config["dependencies"]:
        if dependency["inputs"]:
            for file in spellings(secret)[:2]:
                data = [file for _ in dependency["inputs"]]
                yield "file", joined(dependency["id"], data)
    for name in ("classify", "inspect", "classify_batch"):
        for file in spellings(secret):
            body = {"data": [[file] if "batch" in name else file, "bundled", 3]}
            yield "file", (f"POST {API}/call/{name}", {"json": body})
    for body in odd_bodies():
        for path in (PANELS, JOIN, f"{API}/call/history"):
            yield "body", (f"POST {path}", {"content": body})
    for origin in FOREIGN:
        for path in (PANELS, JOIN, f"{API}/call/start", f"{API}/run/control", f"{API}/upload"):
            body = {"data": [{"data": "shapes", "arch": "resnet8", "epochs": 1}, ""]}
            yield "foreign", (f"POST {path}", {"json": body, "headers": {"Origin": origin}})
    for path in files_by_address(secret):
        yield "address", (f"GET {path}", {})


def panel(component: int, name: str, data: object) -> Probe:
    body = {"component_id": component, "fn_name": name, "session_hash": "s", "data": data}
    return f"POST {PANELS}", {"json": body}


def joined(index: int, data: list) -> Probe:
    return f"POST {JOIN}", {"json": {"fn_index": index, "session_hash": "s", "data": data}}


def odd_values() -> list[object]:
    return [
        {}, None, [], 5, {"run": 5}, {"run": "../../etc/passwd"}, {"run": "\0", "lab": {}},
        {"model": "file:/etc/passwd", "picture": "/etc/passwd"}, {"data": "folder:/etc", "n": -1},
    ]  # fmt: skip


def spellings(secret: Path) -> list[dict[str, object]]:
    """A file that was not uploaded, as a request may write it."""
    data = {"_type": "gradio.FileData"}
    return [
        {"path": str(secret)},
        {"path": "/etc/passwd", "meta": data},
        {"path": str(secret), "meta": {}},
        {"path": f"/tmp/gradio/../../{secret}"},
        {"path": f"file://{secret}", "meta": data},
        {"path": "http://127.0.0.1:9/x", "url": "http://127.0.0.1:9/x", "meta": data},
    ]


def odd_bodies() -> list[bytes]:
    return [
        b"", b"{", b"[" * 10_000, b"null", b'{"data": [NaN]}', b'{"data": ["\\ud800"]}',
        b'{"fn_index": 1e999}', b'{"data": [' + b"9" * 5000 + b"]}", b"\xff\xfe", b"a" * 10**6,
    ]  # fmt: skip


def files_by_address(secret: Path) -> list[str]:
    return [
        f"{API}/file={secret}", f"{API}/file=/etc/passwd", f"{API}/file=../../../etc/passwd",
        f"/file={secret}", f"{API}/file=http://127.0.0.1:9/x", f"{API}/proxy=http://127.0.0.1:9/",
        "/bokeh/..%2f..%2f..%2f..%2fetc/passwd", f"/static/..%2f..%2f{secret.name}",
        f"{API}/file=home/../{secret}", f"{API}/file=%2Fetc%2Fpasswd",
    ]  # fmt: skip


def found_by_guessing(client: httpx.Client, config: dict) -> bool:
    """Whether the right token is looked at once many wrong ones were tried."""
    component = next(
        one["id"]
        for one in config["components"]
        if "steer" in (one["props"].get("server_fns") or ())
    )
    tokens = [*(f"guess-{number}" for number in range(GUESSES)), "the-right-one"]
    for token in tokens:
        body = panel(component, "steer", {"token": token, "run": "0001", "command": "pause"})[1]
        answer = client.post(PANELS, **body).json()
    return "Visitors watch here" not in answer["error"]
