"""Linear probes: exact where there is something to check against, and kept once measured."""

from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import torch

from resnet_demo.config import Home
from resnet_demo.data.shapes import shapes
from resnet_demo.errors import UserError
from resnet_demo.evaluate.linear_probe import key_of, left_out, probes, readout
from resnet_demo.images.decode import square
from resnet_demo.models import reference
from resnet_demo.progress import finish
from tests.classify.test_predictor import saved


def test_leaving_out_is_what_fitting_without_each_gives() -> None:
    torch.manual_seed(0)
    x, y = torch.randn(30, 5).double(), torch.randn(30, 3).double()
    centred = x - x.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    found = left_out(u, s, y - y.mean(0), 2.0) + y.mean(0)
    for row in range(30):
        others = torch.arange(30) != row
        mean, target = x[others].mean(0), y[others].mean(0)
        inner = (x[others] - mean).T @ (x[others] - mean) + 2.0 * torch.eye(5)
        weights = torch.linalg.solve(inner, (x[others] - mean).T @ (y[others] - target))
        assert torch.allclose(found[row], (x[row] - mean) @ weights + target)


def test_what_is_there_is_read_and_noise_is_not() -> None:
    torch.manual_seed(0)
    labels = torch.arange(400) % 4
    told = torch.nn.functional.one_hot(labels).float() + 0.1 * torch.randn(400, 4)
    noise = torch.randn(400, 60)
    for seen, low, high in ((torch.cat([told, noise], 1), 0.97, 1.0), (noise, 0.1, 0.4)):
        right = (readout(seen[:200], labels[:200], seen[200:]) == labels[200:]).float().mean()
        assert low <= right <= high


def test_colours_are_read_from_every_block_and_kept(
    pictures: Path, home: Home, tmp_path: Path, monkeypatch
) -> None:
    model = f"file:{saved(tmp_path / 'net.safetensors')}"
    home.make()
    pair = [(model, reference.load(model, home)), ("plain", reference.load("scratch:plain8", home))]
    answer = finish(probes(pair, f"folder:{pictures}", home, 12))
    first, second = answer["networks"]
    assert [row["name"] for row in first["blocks"]] == ["stem", "layer1.0", "layer2.0", "layer3.0"]
    assert [row["channels"] for row in second["blocks"]] == [16, 16, 32, 64]
    assert first["n"] == 12 and first["n_train"] == 24
    for row in first["blocks"]:
        assert row["top1"] == 100 and row["top1_ci95"][0] < 100
    monkeypatch.setattr("resnet_demo.evaluate.linear_probe.fitted", None)  # not measured again
    assert finish(probes(pair, f"folder:{pictures}", home, 12)) == answer


def test_a_number_that_makes_no_sense_is_refused(home: Home) -> None:
    with pytest.raises(UserError, match="between 1 and 10,000. Got 0"):
        finish(probes([], "shapes", home, 0))


def test_what_is_kept_is_of_one_network_alone(home: Home) -> None:
    """Of two with the same weights too: untrained twins, and one that sees pictures otherwise."""
    plain, residual = (reference.load(f"scratch:{kind}8", home) for kind in ("plain", "resnet"))
    weights = [network.model.state_dict() for network in (plain, residual)]
    assert all(torch.equal(value, weights[1][name]) for name, value in weights[0].items())
    brighter = replace(plain, mean=(0.1, 0.1, 0.1))
    nearer = replace(plain, crop=partial(square, px=plain.px, crop_pct=0.5))
    networks = (plain, residual, brighter, nearer)
    assert len({key_of(network, {"val": shapes().val}, 5) for network in networks}) == 4
    answer = finish(probes([("plain", plain), ("residual", residual)], "shapes", home, 60))
    one, other = answer["networks"]
    assert one["blocks"] != other["blocks"]
