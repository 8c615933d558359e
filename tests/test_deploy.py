"""The files that a Space gets start alone."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image

from tests.conftest import ROOT, free_port


def listed() -> list[str]:
    done = subprocess.run(
        [sys.executable, "scripts/deploy", "somebody/space", "--dry-run"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    return done.stdout.split()


def test_the_image_is_made_of_files_that_are_here() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert {"app.py", "resnet_demo", "checkpoints"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)


def test_tests_and_measurements_stay_at_home() -> None:
    names = listed()
    needed = {"app.py", "README.md", "requirements.txt", "resnet_demo/ui/train/panel.js"}
    assert needed <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "bench/", "scripts/", "."))]


def test_the_file_set_serves_a_page_as_a_public_space_and_leaves_nothing(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    (scratch / "resnet-demo-uploads-left").mkdir(parents=True)  # by a process that was killed
    (scratch / "resnet-demo-uploads-left" / "lock").touch()
    (scratch / "resnet-demo-main").mkdir()  # somebody's
    for name in listed():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    port = free_port()
    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port)],
        cwd=tmp_path, stdout=subprocess.PIPE, text=True,
        env={
            "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "TMPDIR": str(scratch),
            "RESNET_DEMO_PUBLIC": "1",
        },
    )  # fmt: skip
    try:
        assert "ResNet Demo is at" in process.stdout.readline()
        page = httpx.get(f"http://127.0.0.1:{port}/")
        assert page.status_code == 200 and "ResNet Demo" in page.text
        uploads = [place for place in scratch.iterdir() if "uploads" in place.name]
        assert [place.stat().st_mode & 0o777 for place in uploads] == [0o700]
        process.terminate()
        assert process.wait(30) == 0
        assert [place.name for place in scratch.glob("*demo*")] == ["resnet-demo-main"]
        assert not [path for path in scratch.rglob("*") if path.is_file()]
    finally:
        process.kill()
        process.wait()


SPACES = """
import multiprocessing, pickle
from functools import partial
from pathlib import Path

import gradio as gr
import torch

def GPU(duration):
    return partial(lent, duration)

def lent(duration, task):
    def handler(*args):  # as its package does: in a fork, and all that passes is pickled
        seconds = duration(*args)
        if seconds == 22:
            raise RuntimeError("ZeroGPU API /schedule error: 500")
        if seconds > 22:
            raise gr.Error("You have exceeded your ZeroGPU quota")
        messages = multiprocessing.get_context("fork").Queue()
        child = multiprocessing.get_context("fork").Process(
            target=run, args=(task, pickle.dumps(args), messages), daemon=True
        )
        child.start()
        while (message := messages.get(timeout=60)) is not None:
            yield message
        Path(__file__).with_name("lent").write_text(f"for {seconds} s")
        child.join()
    return handler

def run(task, args, messages):
    torch.cuda.is_available = lambda: False  # in the fork there would be one
    torch.autograd.grad = refuse  # once the page had gradients, a fork has no threads for a GPU's
    for message in task(*pickle.loads(args)):
        messages.put(message)
    messages.put(None)

def refuse(*_, **__):
    raise RuntimeError("CUDA in the page, or gradients in its fork")

torch.cuda.is_available = lambda: True  # as ZeroGPU's package has it
torch.cuda._lazy_init = torch.cuda.get_device_name = torch.cuda.is_bf16_supported = refuse
"""


def test_on_zerogpu_only_what_is_lent_a_gpu_uses_it(tmp_path: Path) -> None:
    (tmp_path / "spaces.py").write_text(SPACES)
    Image.new("RGB", (90, 70), "red").save(tmp_path / "red.png")
    port = free_port()

    def lent_for() -> str:
        """How long the last GPU was; told once."""
        told = (tmp_path / "lent").read_text()
        (tmp_path / "lent").unlink()
        return told

    process = subprocess.Popen(
        [sys.executable, "app.py", "--port", str(port), "--home", str(tmp_path / "home")],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONPATH": str(tmp_path), "SPACES_ZERO_GPU": "1"},
    )  # fmt: skip
    try:
        assert "ResNet Demo is at" in process.stdout.readline()
        client = Client(f"http://127.0.0.1:{port}", verbose=False)
        picture = handle_file(str(tmp_path / "red.png"))
        told = client.predict(picture, "bundled", 3, api_name="/classify")
        assert len(told["images"][0]["top"]) == 3
        assert not (tmp_path / "lent").exists()
        told = client.predict([picture] * 32, "bundled", 3, api_name="/classify_batch")
        assert [len(row["top"]) for row in told["images"]] == [3] * 32
        assert lent_for() == "for 21 s"
        told = client.predict([picture] * 64, "bundled", 3, api_name="/classify_batch")
        assert len(told["images"]) == 64 and not (tmp_path / "lent").exists()  # failed
        told = client.predict(picture, "bundled", "", api_name="/inspect")
        assert told["blocks"] and not (tmp_path / "lent").exists()
        told = client.predict(picture, "bundled:resnet56", "", api_name="/inspect")
        assert told["blocks"][1]["receptive_field_px"] and lent_for() == "for 21 s"
        ask = ("bundled:resnet56", "shapes", 20, ["layer2.1"], [])
        lent = client.predict(*ask, api_name="/lesion")
        assert lent_for() == "for 21 s"
        ask = ("bundled:resnet56", "shapes", 60, ["layer2.1"], [])
        refused = client.predict(*ask, api_name="/lesion")
        assert (lent["n"], refused["n"]) == (20, 60)
        with pytest.raises(AppError, match="There is no block 'layer9'"):
            client.predict("bundled:resnet56", "shapes", 20, ["layer9"], [], api_name="/lesion")
    finally:
        process.kill()
        process.wait()


def test_the_readme_has_what_a_space_reads() -> None:
    front = (ROOT / "README.md").read_text().split("---")[1]
    keys = {line.split(":")[0] for line in front.strip().splitlines() if not line.startswith(" ")}
    assert {"title", "sdk", "sdk_version", "python_version", "app_file", "hf_oauth"} <= keys
