"""A Space of one network, made on a Hub of our own, then started as its machine would."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from PIL import Image

from tests.conftest import free_port
from tests.export.test_push import REPO, refused, resnet_demo


@pytest.fixture
def push(hub, home) -> Callable:
    environment = {**hub, "HF_TOKEN": "hf_good"}

    def pushed(*more: str) -> subprocess.CompletedProcess:
        words = ("push", "bundled:resnet56", REPO, "--license=mit", "--space", *more)
        return resnet_demo(environment, *words, f"--home={home.path}")

    return pushed


def values(page: dict, name: str) -> object:
    """Of the widget `name`, as a browser gets it."""
    widgets = [one["props"] for one in page["components"]]
    return next(props["value"] for props in widgets if props.get("elem_id") == name)


def test_it_opens_with_the_network_and_lets_visitors_use_it(push, hub, tmp_path: Path) -> None:
    done = push()
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["space"].endswith(f"/spaces/{REPO}")
    assert "sdk: gradio" in (tmp_path / "hub/spaces" / REPO / "README.md").read_text()
    Image.new("RGB", (90, 70), "red").save(tmp_path / "red.png")
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=tmp_path / "hub/spaces" / REPO, stdout=subprocess.PIPE, text=True,
        env={**hub, "RESNET_DEMO_PUBLIC": "1", "RESNET_DEMO_HOME": str(tmp_path / "there")},
    )  # fmt: skip
    try:
        assert "ResNet Demo is at" in process.stdout.readline()
        url = f"http://127.0.0.1:{port}"
        page = httpx.get(f"{url}/config").json()
        assert values(page, "model-first") == values(page, "inspect-model") == f"hub:{REPO}"
        asked = Client(url, verbose=False).predict
        picture = handle_file(str(tmp_path / "red.png"))
        theirs, ours = (
            asked(picture, model, 3, api_name="/classify")["images"][0]["top"]
            for model in (f"hub:{REPO}", "bundled:resnet56")
        )
        assert theirs == ours
        with pytest.raises(Exception, match="On a public page networks are"):
            asked(picture, "hub:me/other", 3, api_name="/classify")
    finally:
        process.kill()
        process.wait()


def test_a_space_that_is_something_else_is_left_alone(push, handler, tmp_path: Path) -> None:
    other = tmp_path / "hub/spaces" / REPO / "app.py"
    other.parent.mkdir(parents=True)
    other.write_text("mine")
    refused(push(), "The Space me/net is something else")
    assert other.read_text() == "mine"
    assert not (tmp_path / "hub" / REPO).exists()  # the network did not go out alone


def test_a_private_network_has_no_space(push, handler) -> None:
    refused(push("--private"), "cannot see a private network")
    assert not handler.asked


def test_a_space_is_renewed(push, tmp_path: Path) -> None:
    assert push().returncode == 0
    app = tmp_path / "hub/spaces" / REPO / "app.py"
    app.write_text("old")
    assert push().returncode == 0
    assert REPO in app.read_text()
