"""A network to a Hub of our own on loop-back, and back."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from tests.commands import command

REPO = "me/net"


def resnet_demo(environment: dict[str, str], *words: object) -> subprocess.CompletedProcess:
    return command(environment, *words, "--json")


@pytest.fixture
def push(hub, home):
    """`push` with a token; more of the environment can be given."""

    def pushed(model: str = "bundled", repo: str = REPO, **more: str):
        environment = {**hub, "HF_TOKEN": "hf_good", "IMPATIENT": "1", **more}
        words = ("push", model, repo, "--license=mit", f"--home={home.path}")
        return resnet_demo(environment, *words)

    return pushed


@pytest.fixture
def repo(tmp_path: Path) -> Path:
    return tmp_path / "hub" / REPO


def test_what_is_pushed_comes_back_with_the_same_weights_and_its_story(
    push, hub, repo: Path, tmp_path: Path
) -> None:
    done = push()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["url"].endswith(REPO)
    card = (repo / "README.md").read_text()
    for told in ("license: mit", "--arch=resnet18d", "top-1", "tench", "hf-hub:me/net", "AMD"):
        assert told in card, told
    with Image.open(repo / "curves.png") as curves:
        assert curves.size[0] > 500
    picture = tmp_path / "picture.png"
    Image.new("RGB", (90, 70), "red").save(picture)
    asked = (resnet_demo(hub, "classify", model, picture) for model in ("bundled", f"hub:{REPO}"))
    ours, theirs = (json.loads(one.stdout)["images"][0]["top"] for one in asked)
    assert ours == theirs


def test_timm_loads_what_is_pushed(push, hub, repo: Path) -> None:
    assert push().returncode == 0
    loads = f"import timm; m = timm.create_model('hf-hub:{REPO}', pretrained=True); print(m.fc)"
    done = subprocess.run(
        [sys.executable, "-c", loads], env=hub, capture_output=True, text=True, timeout=120
    )
    assert "out_features=10" in done.stdout, done.stderr


def test_a_broken_push_sends_only_what_is_missing(push, handler, repo: Path) -> None:
    handler.pushed = {"/commit/": 500}
    assert "trouble of its own" in push().stderr
    assert not (repo / "README.md").exists()
    handler.pushed, before = {}, len(puts(handler))
    assert push().returncode == 0
    assert before and len(puts(handler)) == before


def puts(handler) -> list[str]:
    return [line for line in handler.asked if line.startswith("PUT")]


@pytest.mark.parametrize(
    ("step", "status", "says"),
    [
        ("/repos/create", 403, "may not write to me/net"),
        ("/repos/create", 404, "no place for me/net"),
        ("/commit/", 409, "Push again"),
        ("/repos/create", 429, "too often"),
        ("/preupload/", 503, "trouble of its own (status 503)"),
    ],
)
def test_what_the_hub_refuses_is_said(push, handler, step: str, status: int, says: str) -> None:
    handler.pushed = {step: status}
    refused(push(), says)


def test_without_a_good_token_network_name_or_licence(push) -> None:
    refused(push(HF_TOKEN="hf_bad"), "does not know this token")
    refused(push(HF_TOKEN=""), "There is no token")
    refused(push(HF_ENDPOINT="http://127.0.0.1:9"), "cannot be reached")
    refused(push("run:0999"), "no run")
    refused(push(repo="../etc"), "not of the form USER/REPO")


def refused(done: subprocess.CompletedProcess, says: str) -> None:
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert says in done.stderr.splitlines()[-1], done.stderr
