import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter

from resnet_demo import device
from resnet_demo.classify.prediction import classify_pixels
from resnet_demo.classify.predictor import Predictor
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.probe import cam
from resnet_demo.probe.epochs_gif import gif
from resnet_demo.probe.export import write_inspection
from resnet_demo.probe.feature_maps import columns_for, filters, grey, sheet, strongest
from resnet_demo.probe.inspection import inspect
from resnet_demo.progress import finish

PIXELS = np.random.default_rng(1).integers(0, 255, (50, 60, 3), np.uint8)


@pytest.fixture
def network(home: Home) -> Network:
    return reference.load("bundled:resnet56", home)


def test_every_number_against_numpy(network: Network) -> None:
    found = inspect(network, PIXELS)
    record = found.record
    with torch.no_grad():
        images = network.normalise(found.seen[None])
        logits = network.model(images)[0].numpy()
        outs = dict(network.model.walk(images))
        block, before = network.model.layer2[3], outs["layer2.2"]
        branch = block.branch(before).numpy()
    shares = np.exp((logits - logits.max()) / network.temperature)
    shares /= shares.sum()
    assert record["target"] == logits.argmax()
    assert record["probability"] == pytest.approx(shares.max(), rel=1e-5)
    assert [row["name"] for row in record["blocks"]] == [name for name in outs if name != "fc"]
    row = next(row for row in record["blocks"] if row["name"] == "layer2.3")
    out = outs["layer2.3"][0].numpy()
    assert row["shape"] == list(out.shape)
    assert row["activation_mean"] == pytest.approx(out.mean(), rel=1e-5)
    assert row["activation_std"] == pytest.approx(out.std(ddof=1), rel=1e-5)
    assert row["dead_share"] == pytest.approx((out.max((1, 2)) <= 0).mean())
    assert row["branch_norm"] == pytest.approx(np.sqrt((branch**2).sum()), rel=1e-5)
    assert row["shortcut_norm"] == pytest.approx(np.sqrt((before.numpy() ** 2).sum()), rel=1e-5)
    assert row["branch_over_shortcut"] == pytest.approx(row["branch_norm"] / row["shortcut_norm"])
    assert row["response_std"][1] == pytest.approx(branch.std(ddof=1), rel=1e-5)
    assert row["strongest"] == np.argsort(-out.mean((1, 2)), kind="stable")[:8].tolist()


def test_it_says_the_number_that_classify_says(network: Network) -> None:
    calibrated = replace(network, about=network.about | {"temperature": "1.7"})
    said = classify_pixels(Predictor(calibrated), PIXELS, 5)["top"]
    record = inspect(calibrated, PIXELS).record
    assert [row["index"] for row in record["top"]] == [row["index"] for row in said]
    near = 0.05 if device.fast_bf16(torch.device("cpu")) else 1e-4
    for row, other in zip(record["top"], said):
        assert row["probability"] == pytest.approx(other["probability"], rel=near)
    assert record["probability"] != pytest.approx(inspect(network, PIXELS).record["probability"])


def test_deletion_against_its_formula(network: Network) -> None:
    found = inspect(network, PIXELS)
    heat = found.cams["layer3.8"]
    side = found.seen.shape[0]
    large = np.asarray(Image.fromarray(heat).resize((side, side), Image.Resampling.BICUBIC))
    order = np.argsort(-np.clip(large, 0, 1).ravel(), kind="stable")[: round(0.2 * side * side)]
    blurred = Image.fromarray(found.seen).filter(ImageFilter.GaussianBlur(side / 10))
    changed = found.seen.reshape(-1, 3).copy()
    changed[order] = np.asarray(blurred).reshape(-1, 3)[order]
    pair = np.stack([found.seen, changed.reshape(found.seen.shape)])
    with torch.no_grad():
        logits = network.model(network.normalise(pair))
    kept = network.probabilities(logits)[:, found.record["target"]]
    assert found.record["blocks"][-1]["deletion"] == pytest.approx(
        float(kept[1] / kept[0]), rel=1e-4
    )


def test_a_map_of_nothing_has_no_score(network: Network) -> None:
    (row,) = cam.deletion(
        network, np.zeros((64, 64, 3), np.uint8), [np.zeros((4, 4), np.float32)], 0
    )
    assert row["deletion"] is None and row["deletion_random"] > 0


def test_plain_networks_have_no_shortcut_to_measure(home: Home) -> None:
    rows = inspect(reference.load("bundled:plain56", home), PIXELS).record["blocks"]
    assert all(row["shortcut_norm"] is None and not row["residual"] for row in rows)
    assert all(row["branch_norm"] > 0 for row in rows[1:])


@pytest.mark.parametrize("target", ["church", "4", 4])
def test_a_class_by_name_or_number(network: Network, target) -> None:
    assert inspect(network, PIXELS, target).record["class"] == "church"


def test_an_unknown_class_names_near_ones(network: Network) -> None:
    with pytest.raises(UserError, match="Near names: church"):
        inspect(network, PIXELS, "curch")


def test_files_are_lossless(network: Network, tmp_path: Path) -> None:
    found = inspect(network, PIXELS)
    write_inspection(tmp_path / "out", found, network, found.record)
    kept = np.load(tmp_path / "out" / "maps.npz")
    assert all(np.array_equal(kept[name], maps) for name, maps in found.maps.items())
    assert json.loads((tmp_path / "out" / "inspect.json").read_text()) == found.record
    drawn = np.asarray(Image.open(tmp_path / "out" / "layer1.0-maps.png"))
    assert np.array_equal(drawn[:64, :64], grey(found.maps["layer1.0"], shared=False)[0])


def test_sheets_and_scales() -> None:
    maps = np.float32([[[0, 1]], [[0, 4]], [[0, 2]]])
    assert strongest(maps, 2) == [1, 2]
    assert grey(maps, shared=False)[:, 0, 1].tolist() == [255, 255, 255]
    assert grey(maps, shared=True)[:, 0, 1].tolist() == [64, 255, 128]
    assert sheet(grey(maps, False), 2).shape == (3, 5) and columns_for(64) == 8
    first = torch.nn.Conv2d(3, 4, 3)
    assert filters(first).shape == (4, 3, 3, 3)


def test_a_gif_has_a_frame_an_epoch(network: Network, home: Home, tmp_path: Path) -> None:
    moving = finish(gif([1, 2, 3], lambda epoch: network, PIXELS, None))
    (tmp_path / "x.gif").write_bytes(moving)
    with Image.open(tmp_path / "x.gif") as moving:
        assert moving.format == "GIF" and getattr(moving, "n_frames", 1) >= 1


def test_a_name_that_two_classes_share_is_not_guessed(network: Network) -> None:
    twice = replace(network, classes=("crane", "crane", *network.classes[2:]))
    with pytest.raises(UserError, match=r"called 'crane': give one of \[0, 1\]"):
        inspect(twice, PIXELS, "crane")
    assert inspect(twice, PIXELS, 1).record["target"] == 1
