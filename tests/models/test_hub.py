"""timm's models and the Hub's, from a Hub of our own on loop-back; then offline from the cache."""

import json
import os
import socket
import subprocess
from pathlib import Path

import numpy as np
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.classify.test_predictor import saved
from tests.commands import command, python
from tests.hub import Hub

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
from resnet_demo.models import reference

photo, *names = sys.argv[1:]
told = {}
for name in names:
    network = reference.load(f"timm:{name}", Home(Path("nowhere")))
    images = network.normalise(network.crop(decode(Path(photo).read_bytes()))[None])
    plain = timm.create_model(name, pretrained=True).eval()
    data = timm.data.resolve_model_data_config(plain, use_test_size=True)
    assert network.px == data["input_size"][-1]
    transform = timm.data.create_transform(**data, is_training=False)
    with torch.no_grad():
        expected = plain(transform(Image.open(photo).convert("RGB"))[None])
        told[name] = [float((network.model(images) - expected).abs().max()), network.classes[566]]
print(json.dumps(told))
"""


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


def test_logits_are_those_of_a_plain_timm_script(hub, tmp_path: Path, photo: Path) -> None:
    for name in MODELS:
        put(tmp_path / "hub", f"timm/{name}", random_weights(tmp_path / "w", name))
    done = python(hub, "-c", SAME_AS_TIMM, photo, *MODELS)
    assert done.returncode == 0, done.stderr
    for name, (difference, label) in json.loads(done.stdout.splitlines()[-1]).items():
        assert difference < 1e-4, name
        assert label == "French horn", name
    offline = {**hub, "HF_HUB_OFFLINE": "1"}
    words = ("classify", f"timm:{MODELS[0]}", photo, "--json")
    assert command(offline, *words).returncode == 0


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
        return command(hub, "classify", reference, photo, "--json")

    for repo, names in (("me/ours", {"red", "green", "blue"}), ("me/theirs", {"cat", "dog"})):
        done = classify(f"hub:{repo}")
        assert done.returncode == 0, done.stderr
        top = json.loads(done.stdout.splitlines()[-1])["images"][0]["top"]
        assert {one["class"] for one in top} == names
    for reference, says in (
        ("hub:me/odd", "not a ResNet of timm"),
        ("hub:me/wide", "not a ResNet of timm"),
        ("hub:me/nothing", "no repository"),
        ("hub:../etc", "not of the form"),
    ):
        done = classify(reference)
        assert (done.returncode, says in done.stderr) == (1, True), done.stderr
        assert "Traceback" not in done.stderr


LOAD = """
import sys
from pathlib import Path
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.models import reference
for model in sys.argv[1:]:
    try:
        print(len(reference.load(model, Home(Path("nowhere"))).classes))
    except UserError as error:
        print(error)
"""


@pytest.mark.parametrize(
    ("status", "error", "says"),
    [
        (401, "", "set HF_TOKEN"),
        (401, "GatedRepo", "is gated: accept its terms"),
        (403, "GatedRepo", "is gated: accept its terms"),
        (403, "", "is gated: accept its terms"),
        (404, "RepoNotFound", "has no repository for"),
        (429, "", "asked too often"),
        (503, "", "trouble of its own (status 503)"),
    ],
)
def test_what_the_hub_answers_is_a_sentence(
    status: int, error: str, says: str, hub, handler: type[Hub]
) -> None:
    handler.status, handler.error = status, error
    at_once = hub | {"IMPATIENT": "1"}
    done = python(at_once, "-c", LOAD, "hub:me/net", "timm:resnet10t.c3_in1k")
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr
    first, second = done.stdout.splitlines()
    assert says in first and says in second, done.stdout


def test_without_a_network_the_library_does_not_try_again(hub) -> None:
    """It would for most of a minute."""
    silent = socket.create_server(("127.0.0.1", 0))
    port = silent.getsockname()[1]
    silent.close()
    program = "import time; time.sleep = lambda seconds: print('waited')\n" + LOAD
    away = {**hub, "HF_ENDPOINT": f"http://127.0.0.1:{port}"}
    done = python(away, "-c", program, "hub:me/net", "timm:resnet10t.c3_in1k")
    first, second = done.stdout.splitlines()
    assert "the Hub cannot be reached" in first and "the Hub cannot be reached" in second


def test_a_cut_file_in_the_cache_is_fetched_anew(hub, tmp_path: Path) -> None:
    put(tmp_path / "hub", "me/ours", saved(tmp_path / "w"))
    assert python(hub, "-c", LOAD, "hub:me/ours").stdout == "3\n"
    (cached,) = (tmp_path / "hf").rglob("blobs/*")
    os.truncate(cached, 100)
    assert python(hub, "-c", LOAD, "hub:me/ours").stdout == "3\n"


@pytest.mark.skipif(os.geteuid() == 0, reason="root writes everywhere")
def test_a_cache_that_cannot_be_written_is_named(hub, tmp_path: Path) -> None:
    put(tmp_path / "hub", "me/ours", saved(tmp_path / "w"))
    (tmp_path / "hf").mkdir(mode=0o500)
    assert "cache cannot be written" in python(hub, "-c", LOAD, "hub:me/ours").stdout
