"""No key of a JSON answer moves: commands, the API, and what the page's panels are told.

`golden/contract.json` holds the form of each answer: {path of keys: kinds of value}. After an
answer has gained a key, `WRITE_CONTRACT=1 scripts/test tests/test_contract.py` writes it anew;
a key that goes, or changes its kind, breaks somebody's program.
"""

import hashlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from resnet_demo.cli.main import main
from tests.conftest import ROOT, Server, draw_folder

GOLDEN = ROOT / "tests/golden/contract.json"
TRAINED = (
    "--arch resnet8 --epochs 1 --px 16 --start-px 16 --batch-size 64 --lr 0.01 --probe-every 1"
)
COMMANDS = {
    "train": f"train --data DATA {TRAINED}",
    "runs": "runs",
    "show": "show 0001",
    "set": "set 0001 --epochs 2",
    "resume": "resume 0001",
    "evaluate": "evaluate run:0001@last --data DATA",
    "classify": "classify run:0001@last PICTURE BROKEN",
    "inspect": "inspect run:0001@last PICTURE",
    "lesion": "lesion run:0001@last --data DATA --n 6 --blocks layer1.0,layer2.0",
    "compare": "compare run:0001@last run:0001@best --data DATA --n 6",
    "probes": "probes run:0001@last --data DATA --n 6",
    "estimate": f"estimate --data DATA {TRAINED}",
    "find-lr": f"find-lr --data DATA {TRAINED}",
    "convert": "convert HOME/runs/0001/weights/last.safetensors --arch resnet8 --out HOME/c.st",
    "export": "export run:0001@last --format onnx --out HOME/net.onnx",
    "dataset import": "dataset import set FOLDER",
    "dataset show": "dataset show dataset:set",
    "dataset list": "dataset list",
    "dataset delete": "dataset delete set",
    "lab degradation": "lab degradation --data DATA --protocol quick --depths 8 --seeds 1",
}
API = {
    "runs": [],
    "history": ["0001", -1],
    "control": ["0001", "set", "epochs=3", ""],
    "classify": ["PICTURE", "run:0001@last", 2],
    "inspect": ["PICTURE", "run:0001@last", ""],
    "lesion": ["run:0001@last", "DATA", 6, [], []],
    "probes": ["run:0001@last", "DATA", 6, ""],
    "lab": ["0001", "", "", [], 0, ""],
    "dataset": ["list", "", [], "", "", ""],
}
PANELS = {
    "live": {
        "poll": {"main": "0001", "runs": {"0001": {}}, "digest": "", "viewer": 1},
        "csv": {"run": "0001"},
        "details": {"run": "0001"},
        "report": {"run": "0001"},
        "worst": {"run": "0001"},
        "confused": {"run": "0001", "label": 0, "called": 0},
        "steer": {"run": "0001", "command": "pause"},
    },
    "lab": {
        "poll": {"lab": "0001", "have": {}},
        "drawings": {"lab": "0001"},
        "guess": {"lab": "0001", "answer": "same"},
        "files": {"lab": "0001"},
        "steer": {"command": "nothing"},
        "progress": {"job": "none"},
        "stop": {"job": "none"},
    },
    "inspect": {
        "look": {"picture": "KEY", "model": "run:0001@last"},
        "deeper": {"picture": "KEY", "model": "run:0001@last"},
        "block": {"picture": "KEY", "model": "run:0001@last", "block": "layer1.0"},
        "channel": {"picture": "KEY", "model": "run:0001@last", "block": "layer1.0", "channel": 0},
        "cut": {"picture": "KEY", "model": "run:0001@last", "off": ["layer1.0"]},
        "files": {"picture": "KEY", "model": "run:0001@last"},
        "work": {"what": "nothing"},
        "progress": {"job": "none"},
    },
}
Form = dict[str, list[str]]


def form(value: object) -> Form:
    """{path: kinds}: an item of a list is `[]`."""
    found: dict[str, set[str]] = defaultdict(set)

    def walk(value: object, path: str) -> None:
        if isinstance(value, dict):
            found[path].add("object")
            for name, part in value.items():
                walk(part, f"{path}.{name}".lstrip("."))
        elif isinstance(value, list):
            found[path].add("list")
            for part in value:
                walk(part, f"{path}[]")
        else:
            kind = {bool: "bool", int: "number", float: "number", str: "text"}
            found[path].add(kind.get(type(value), "null"))

    walk(value, "")
    return {path: sorted(kinds) for path, kinds in sorted(found.items())}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What stands for the capital words of the tables."""
    place = tmp_path_factory.mktemp("contract")
    data = draw_folder(place / "data", 50, 4, px=32)
    (place / "broken.png").write_text("no picture")
    return {
        "DATA": f"folder:{data}",
        "FOLDER": str(data),
        "PICTURE": str(data / "val/red/000.png"),
        "BROKEN": str(place / "broken.png"),
        "HOME": str(place / "home"),
    }


def said(text: str, words: dict[str, str]) -> str:
    for word, meaning in words.items():
        text = text.replace(word, meaning)
    return text


def answers_of_commands(words: dict[str, str]) -> Iterator[tuple[str, object]]:
    with pytest.MonkeyPatch.context() as patch:
        for name, line in COMMANDS.items():
            out = Path(words["HOME"]).parent / "out.json"
            with out.open("w") as stream:
                patch.setattr(sys, "stdout", stream)
                patch.setattr(
                    sys, "argv",
                    ["resnet_demo", *said(line, words).split(), "--json", "--home", words["HOME"]],
                )  # fmt: skip
                assert main() == 0, name
                patch.undo()
            yield f"command {name}", json.loads(out.read_text().splitlines()[-1])


def answers_of_programs(page: httpx.Client, words: dict[str, str]) -> Iterator[tuple[str, object]]:
    with open(words["PICTURE"], "rb") as picture:
        (path,) = page.post("/gradio_api/upload", files={"files": picture}).json()
    words["KEY"] = hashlib.sha256(path.encode()).hexdigest()[:16]  # as the Inspect panel names it
    for name, arguments in API.items():
        given = [
            {"path": path, "meta": {"_type": "gradio.FileData"}} if one == "PICTURE" else one
            for one in json.loads(said(json.dumps(arguments), words | {"PICTURE": "PICTURE"}))
        ]
        event = page.post(f"/gradio_api/call/{name}", json={"data": given}).json()["event_id"]
        told = page.get(f"/gradio_api/call/{name}/{event}").text
        assert "event: complete" in told, f"{name}: {told}"
        yield f"api {name}", json.loads(told.split("data: ")[-1])[0]


def answers_of_panels(page: httpx.Client, words: dict[str, str]) -> Iterator[tuple[str, object]]:
    ids = {c["props"].get("elem_id"): c["id"] for c in page.get("/config").json()["components"]}
    for panel, functions in PANELS.items():
        for name, asked in functions.items():
            body = {
                "data": json.loads(said(json.dumps(asked), words)),
                "component_id": ids[panel], "fn_name": name, "session_hash": "contract",
            }  # fmt: skip
            answer = page.post("/gradio_api/component_server", json=body)
            assert answer.status_code == 200, f"{panel} {name}: {answer.text}"
            yield f"panel {panel} {name}", answer.json()


@pytest.fixture(scope="module")
def forms(words: dict[str, str]) -> dict[str, Form]:
    found = {name: form(answer) for name, answer in answers_of_commands(words)}
    server = Server(Path(words["HOME"]))
    try:
        with httpx.Client(base_url=server.url, timeout=120) as page:
            found |= {name: form(answer) for name, answer in answers_of_programs(page, words)}
            found |= {name: form(answer) for name, answer in answers_of_panels(page, words)}
    finally:
        server.kill()
    return found


def test_no_key_of_an_answer_moves(forms: dict[str, Form]) -> None:
    if os.environ.get("WRITE_CONTRACT"):
        GOLDEN.parent.mkdir(exist_ok=True)
        GOLDEN.write_text(json.dumps(forms, indent=0, sort_keys=True) + "\n")
    golden = json.loads(GOLDEN.read_text())
    assert forms.keys() == golden.keys()
    for name, found in forms.items():
        assert found == golden[name], name
