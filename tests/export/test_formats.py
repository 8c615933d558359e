"""What leaves computes the same elsewhere, or does not leave."""

import json
import os
import subprocess
import sys
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.export import formats
from resnet_demo.export.formats import FORMATS, ONNX_TOLERANCE, export, pictures
from resnet_demo.images.decode import square
from resnet_demo.models import hub, reference
from resnet_demo.models.network import Network
from tests.classify.test_predictor import saved
from tests.conftest import ROOT
from tests.export import clean

EXACT = ("safetensors", "timm")


@pytest.fixture
def own(home: Home, tmp_path: Path) -> tuple[str, Network]:
    """A network of CIFAR's kind."""
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    return model, reference.load(model, home)


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return reference.load("bundled", Home(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize("format", FORMATS)
def test_the_bundled_network_is_the_same_elsewhere(
    format: str, bundled: Network, tmp_path: Path
) -> None:
    done = export(bundled, "bundled", format, tmp_path / "out")
    assert done.n == 16 and done.bytes > 40e6
    assert done.max_difference <= (0 if format in EXACT else ONNX_TOLERANCE)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_torchvision_and_timm_load_it_and_agree_bit_for_bit(
    bundled: Network, tmp_path: Path
) -> None:
    import timm
    import torchvision
    from safetensors.torch import load_file

    ours = reference.load("scratch:resnet18", Home(tmp_path))
    export(ours, "scratch:resnet18", "safetensors", tmp_path / "net.safetensors")
    theirs = torchvision.models.resnet18().eval()
    theirs.load_state_dict(load_file(tmp_path / "net.safetensors"))
    export(bundled, "bundled", "timm", tmp_path / "net")
    timms = timm.create_model(f"local-dir:{tmp_path / 'net'}", pretrained=True).eval()
    for network, other in ((ours, theirs), (bundled, timms)):
        images = pictures(network)
        with torch.inference_mode():
            assert torch.equal(other(images), network.model(images))
    side = timm.data.resolve_model_data_config(timms)
    assert side["input_size"] == (3, bundled.px, bundled.px)
    assert side["crop_pct"] == bundled.crop_pct


@pytest.mark.parametrize("arch", ["resnet10d", "resnet18d", "resnet18w", "resnet34"])
def test_timm_builds_these_too_and_they_come_back(arch: str, home: Home, tmp_path: Path) -> None:
    import timm

    network = reference.load(f"scratch:{arch}", home)
    assert export(network, arch, "timm", tmp_path / "net").max_difference == 0
    timms = timm.create_model(f"local-dir:{tmp_path / 'net'}", pretrained=True).eval()
    images = pictures(network)[:2]
    with torch.inference_mode():
        assert torch.equal(timms(images), network.model(images))
    again = hub.load_folder(tmp_path / "net")
    assert export(again, "again", "timm", tmp_path / "again").max_difference == 0
    for folder in ("net", "again"):
        told = json.loads((tmp_path / folder / "config.json").read_text())["pretrained_cfg"]
        assert not {"tag", "license", "origin_url", "url"} & set(told)  # of weights that are timm's


@pytest.mark.parametrize("arch", ["resnet8", "plain8", "resnet50", "plain18"])
def test_onnx_takes_any_number_of_pictures(arch: str, home: Home, tmp_path: Path) -> None:
    import onnxruntime

    network = reference.load(f"scratch:{arch}", home)
    done = export(network, arch, "onnx", tmp_path / "net.onnx")
    assert done.max_difference <= ONNX_TOLERANCE
    session = onnxruntime.InferenceSession(str(tmp_path / "net.onnx"))
    for count in (1, 3):
        images = np.zeros((count, 3, network.px, network.px), np.float32)
        assert session.run(None, {"images": images})[0].shape == (count, 1000)
    told = session.get_modelmeta().custom_metadata_map
    assert json.loads(told["classes"])[0] == "class 0" and told["px"] == str(network.px)


def test_exporting_leaves_the_network_in_use_as_it_was(own, tmp_path: Path) -> None:
    model, network = own
    network.model.to(memory_format=torch.channels_last)
    export(network, model, "onnx", tmp_path / "net.onnx")
    weight = network.model.conv1.weight
    assert weight.is_contiguous(memory_format=torch.channels_last)


def test_a_file_of_ours_opens_again_with_all_that_it_says(own, home: Home, tmp_path: Path) -> None:
    model, network = own
    export(network, model, "safetensors", tmp_path / "again.safetensors")
    again = reference.load(f"file:{tmp_path / 'again.safetensors'}", home)
    assert (again.arch, again.classes, again.px) == ("resnet8", ("blue", "green", "red"), 16)


@pytest.mark.parametrize("format", FORMATS)
def test_what_a_network_sees_of_a_picture_goes_with_it(
    format: str, home: Home, tmp_path: Path
) -> None:
    whole = reference.load("bundled", home)
    about = whole.about | {"crop_pct": "0.75"}
    network = replace(whole, about=about, crop=partial(square, px=whole.px, crop_pct=0.75))
    done = export(network, "bundled", format, tmp_path / "net")
    if format == "onnx":
        assert "bleed" not in done.snippet and ", 0.125)" in done.snippet
        return
    again = (hub.load_folder if format == "timm" else hub.load_file)(tmp_path / "net")
    picture = np.random.default_rng(0).integers(0, 255, (240, 240, 3), np.uint8)
    assert again.crop_pct == 0.75
    off = np.abs(again.crop(picture).astype(float) - network.crop(picture)).mean()
    assert off <= (0 if format == "safetensors" else 12)  # timm rounds to whole pixels


@pytest.mark.parametrize(
    ("model", "format"),
    [
        ("bundled", "safetensors"),
        ("bundled", "timm"),
        ("bundled", "onnx"),
        ("scratch:resnet10d", "safetensors"),
        ("scratch:resnet10d", "timm"),
        ("bundled:plain56", "safetensors"),
        ("bundled:plain56", "onnx"),
    ],
)
def test_its_lines_run_as_pasted_and_say_what_we_say(
    model: str, format: str, home: Home, tmp_path: Path
) -> None:
    network = reference.load(model, home)
    done = export(network, model, format, tmp_path / "net")
    noise = np.random.default_rng(0).integers(0, 255, (9, 12, 3), np.uint8)
    picture = Image.fromarray(noise).resize((240, 180), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "picture.jpg")
    seen = network.crop(np.asarray(Image.open(tmp_path / "picture.jpg").convert("RGB")))
    with torch.inference_mode():
        wanted = network.classes[int(network.model(network.normalise(seen[None])).argmax())]
    first = done.snippet.splitlines()[0]
    if first.startswith("# pip install "):
        packages = first.removeprefix("# pip install ").split()
        ran = clean.run(done.snippet, packages, tmp_path / "packages", tmp_path)
    else:
        ours = os.environ | {"PYTHONPATH": str(ROOT)}
        ran = subprocess.run(
            [sys.executable, "-c", done.snippet],
            cwd=tmp_path, env=ours, capture_output=True, text=True,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.strip() == wanted


@pytest.mark.parametrize(
    ("format", "out", "says"),
    [
        ("exe", "new", "There is no format 'exe'. Choose one of: safetensors, timm, onnx."),
        ("onnx", "net.safetensors", "exists already"),
        ("onnx", "nowhere/new", "There is no folder"),
        ("safetensors", "/proc/new", "Cannot write to /proc/new"),
        ("timm", "new", "timm has no resnet8. Take safetensors or onnx."),
    ],
)
def test_refusals_write_nothing(own, tmp_path: Path, format: str, out: str, says: str) -> None:
    model, network = own
    before = {path: path.stat().st_size for path in tmp_path.rglob("*")}
    with pytest.raises(UserError, match=says.replace(".", r"\.")):
        export(network, model, format, tmp_path / out)
    assert {path: path.stat().st_size for path in tmp_path.rglob("*")} == before


def test_what_computes_otherwise_does_not_leave(own, tmp_path: Path, monkeypatch) -> None:
    model, network = own
    write, _, tolerance = FORMATS["onnx"]
    wrong = (write, lambda path: lambda images: torch.zeros(len(images), 3), tolerance)
    monkeypatch.setitem(formats.FORMATS, "onnx", wrong)
    with pytest.raises(UserError, match="does not compute the same"):
        export(network, model, "onnx", tmp_path / "new.onnx")
    assert not (tmp_path / "new.onnx").exists()


@pytest.mark.skipif("RESNET_DEMO_TEST_DATA" not in os.environ, reason="needs real pictures")
def test_200_real_pictures(bundled: Network, tmp_path: Path) -> None:
    root = Path(os.environ["RESNET_DEMO_TEST_DATA"]) / "val"
    files = [path for folder in sorted(root.iterdir()) for path in sorted(folder.iterdir())[:20]]
    seen = [bundled.crop(np.asarray(Image.open(path).convert("RGB"))) for path in files]
    images = bundled.normalise(np.stack(seen))
    assert len(images) == 200
    with torch.inference_mode():
        wanted = bundled.model(images)
        for format, (write, open_again, _) in FORMATS.items():
            write(bundled, tmp_path / format)
            got = open_again(tmp_path / format)(images)
            if format in EXACT:
                assert torch.equal(got, wanted)
            assert float((got - wanted).abs().max()) <= ONNX_TOLERANCE
