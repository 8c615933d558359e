"""timm's models and the Hub's, from a Hub of our own on loop-back; then offline from the cache."""

import hashlib
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.classify.test_predictor import saved
from tests.conftest import ROOT

MODELS = (  # stems, crops, interpolations and sizes differ
    "resnet10t.c3_in1k", "resnet14t.c3_in1k", "resnet18.a1_in1k", "resnet18.tv_in1k",
    "resnet26d.bt_in1k",
)  # fmt: skip
SAME_AS_TIMM = """
import json, sys, numpy as np, timm, torch
from pathlib import Path
from PIL import Image
from resnet_demo.config import Home
from resnet_demo.images.decode import decode
from resnet_demo.models import sources

photo, *names = sys.argv[1:]
told = {}
for name in names:
    network = sources.load(f"timm:{name}", Home(Path("nowhere")))
    images = network.normalise(network.crop(decode(Path(photo).read_bytes()))[None])
    plain = timm.create_model(name, pretrained=True).eval()
    data = timm.data.resolve_model_data_config(plain)
    transform = timm.data.create_transform(**data, is_training=False)
    with torch.no_grad():
        expected = plain(transform(Image.open(photo).convert("RGB"))[None])
        told[name] = [float((network.model(images) - expected).abs().max()), network.classes[566]]
print(json.dumps(told))
"""


class Hub(BaseHTTPRequestHandler):
    """GET and HEAD of /USER/REPO/resolve/REVISION/FILE, as huggingface_hub asks for them."""

    root: Path

    def do_HEAD(self) -> None:
        self.answer()

    def do_GET(self) -> None:
        self.answer(send=True)

    def answer(self, send: bool = False) -> None:
        user, repo, _, _, name = (self.path.split("?")[0].lstrip("/").split("/", 4) + [""] * 5)[:5]
        path = self.root / user / repo / name
        if not name or not path.is_file():
            self.send_response(404)
            missing = "EntryNotFound" if path.parent.is_dir() else "RepoNotFound"
            self.send_header("X-Error-Code", missing)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        data = path.read_bytes()
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if send:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process that uses this Hub."""
    handler = type("Handler", (Hub,), {"root": tmp_path / "hub"})
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


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "photo.jpg"
    noise = np.random.default_rng(0).integers(0, 256, (30, 40, 3)).astype(np.uint8)
    Image.fromarray(noise).resize((413, 307)).save(path, quality=95)
    return path


def put(root: Path, repo: str, path_or_config: Path | dict) -> None:
    folder = root / repo
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(path_or_config, dict):
        (folder / "config.json").write_text(json.dumps(path_or_config))
    else:
        path_or_config.replace(folder / "model.safetensors")


def random_weights(path: Path, name: str, **options: object) -> Path:
    torch.manual_seed(0)
    save_file(timm.create_model(name, **options).state_dict(), path)
    return path


def python(program: str, *words: object, **environment: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, (program, *words))],
        cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120,
    )  # fmt: skip


def test_logits_are_those_of_a_plain_timm_script(hub, tmp_path: Path, photo: Path) -> None:
    for name in MODELS:
        put(tmp_path / "hub", f"timm/{name}", random_weights(tmp_path / "w", name))
    done = python("-c", SAME_AS_TIMM, photo, *MODELS, **hub)
    assert done.returncode == 0, done.stderr
    for name, (difference, label) in json.loads(done.stdout.splitlines()[-1]).items():
        assert difference < 1e-4, name
        assert label == "French horn", name
    offline = {**hub, "HF_HUB_OFFLINE": "1"}
    words = ("classify", f"timm:{MODELS[0]}", photo, "--json")
    assert python("-m", "resnet_demo", *words, **offline).returncode == 0


def test_hub_references(hub, tmp_path: Path, photo: Path) -> None:
    """Ours by its metadata, timm's by its config.json; strangers' configurations are not obeyed."""
    root = tmp_path / "hub"
    put(root, "me/ours", saved(tmp_path / "w"))
    put(root, "me/theirs", random_weights(tmp_path / "w", "resnet10t", num_classes=2))
    config = {"architecture": "resnet10t", "num_classes": 2, "label_names": ["cat", "dog"]}
    put(root, "me/theirs", config | {"pretrained_cfg": {"input_size": [3, 64, 64]}})
    put(root, "me/odd", random_weights(tmp_path / "w", "resnet10t", num_classes=2))
    put(root, "me/odd", {"architecture": "vit_base_patch16_224", "num_classes": 2})
    put(root, "me/wide", random_weights(tmp_path / "w", "resnet10t", num_classes=2))
    put(root, "me/wide", config | {"num_classes": 10**9})

    def classify(reference: str) -> subprocess.CompletedProcess:
        return python("-m", "resnet_demo", "classify", reference, photo, "--json", **hub)

    for repo, names in (("me/ours", {"red", "green", "blue"}), ("me/theirs", {"cat", "dog"})):
        done = classify(f"hub:{repo}")
        assert done.returncode == 0, done.stderr
        top = json.loads(done.stdout.splitlines()[-1])["images"][0]["top"]
        assert {one["class"] for one in top} == names
    for reference, says in (
        ("hub:me/odd", "not a ResNet of timm"),
        ("hub:me/wide", "does not fit"),
        ("hub:me/nothing", "no repository"),
        ("hub:../etc", "not of the form"),
    ):
        done = classify(reference)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr
