"""Filter-normalised loss slices."""

import itertools
import json
import shutil

import pytest
import torch
import torch.nn.functional as F

from resnet_demo.charts.analysis import reasons
from resnet_demo.charts.lab import for_page
from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.lab import landscape
from resnet_demo.lab import store as labs
from resnet_demo.lab.store import Lab
from resnet_demo.models import build
from resnet_demo.runs import control, measurements
from resnet_demo.runs.scheduler import train_here

SIDE = 3


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landscape, "SIDE", SIDE)
    monkeypatch.setattr(landscape.slices, "__defaults__", (0, SIDE))


@pytest.fixture
def network() -> tuple[torch.nn.Module, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    images, labels = torch.randn(20, 3, 16, 16), torch.arange(20) % 10
    return build("resnet8", 10).eval(), images, labels


def test_every_filter_of_a_direction_has_the_norm_of_the_networks_filter(network) -> None:
    model, *_ = network
    centre = landscape.weights_of(model)
    for weight, moved in zip(centre, landscape.direction(centre, 0)):
        assert torch.allclose(weight.flatten(1).norm(dim=1), moved.flatten(1).norm(dim=1))
        assert not torch.allclose(weight, moved)


def test_norms_and_biases_stay(network) -> None:
    model, *_ = network
    moved = {id(parameter) for parameter in landscape.weights_of(model)}
    for name, parameter in model.named_parameters():
        assert (id(parameter) in moved) is (name.endswith("weight") and "bn" not in name), name


def test_the_middle_is_the_network_and_corners_are_sums_of_both_directions(network) -> None:
    model, images, labels = network
    centre = [weight.detach().clone() for weight in landscape.weights_of(model)]
    one, two = (landscape.direction(centre, seed) for seed in (0, 1))
    losses = list(landscape.slices(model, images, labels, side=SIDE))
    assert len(losses) == SIDE**2
    for loss, (b, a) in zip(losses, itertools.product((-1.0, 0.0, 1.0), repeat=2)):
        landscape.move(model, centre, one, two, a, b)
        with torch.no_grad():
            expected = F.cross_entropy(model(images), labels).item()
        assert loss == pytest.approx(expected, rel=0.05)  # bf16 where the machine has it
    landscape.move(model, centre, one, two, 0, 0)
    assert all(torch.equal(w, c) for w, c in zip(landscape.weights_of(model), centre))


def test_a_slice_that_was_broken_off_goes_on_where_it_was(raced, small, tmp_path) -> None:
    home, lab = raced
    run = labs.deepest_pair(home, lab)[1]
    work = landscape.landscape(home, run)
    assert next(done for _, done, _ in work if done == SIDE + 1)  # inside the second row
    work.close()
    assert len(measurements.read(home, run, measurements.LANDSCAPE)["losses"]) == 1
    again = [done for what, done, _ in landscape.landscape(home, run) if what.startswith("Loss")]
    assert again == list(range(SIDE + 1, SIDE**2 + 1))
    found = measurements.read(home, run, measurements.LANDSCAPE)
    whole = home.runs / run / measurements.LANDSCAPE
    whole.unlink()
    list(landscape.landscape(home, run))
    assert measurements.read(home, run, measurements.LANDSCAPE) == found
    assert list(landscape.landscape(home, run)) == []  # known


def test_a_run_that_has_not_finished_is_refused(home: Home, lab: Lab) -> None:
    with pytest.raises(UserError, match="has not finished"):
        next(landscape.landscape(home, lab.runs[0]))


def test_a_run_that_is_trained_further_is_measured_anew(home: Home, config) -> None:
    run = control.new_run(home, config)
    train_here(home, run)
    measurements.write(home, run, measurements.LANDSCAPE, {"losses": [[1.0]]})
    assert measurements.read(home, run, measurements.LANDSCAPE)["losses"] == [[1.0]]
    control.send(home, run, "set", "epochs=4")
    control.requeue(home, run)
    train_here(home, run)
    assert measurements.read(home, run, measurements.LANDSCAPE) is None


def test_a_loss_that_is_not_finite_leaves_a_hole(raced, small, monkeypatch, tmp_path) -> None:
    home = Home(tmp_path / "copy")
    shutil.copytree(raced[0].path, home.path)
    runs = labs.deepest_pair(home, raced[1])
    losses = itertools.cycle([1.0, 2.0, float("nan"), 3.0, float("inf")])
    monkeypatch.setattr(landscape, "mean_loss", lambda *_: next(losses))
    for run in runs:
        measurements.write(home, run, measurements.LANDSCAPE, {"losses": []})
        list(landscape.landscape(home, run))
        found = measurements.read(home, run, measurements.LANDSCAPE)
        assert None in found["losses"][0] and "NaN" not in json.dumps(found)
    titles = [for_page(drawing)["title"] for drawing in reasons(home, raced[1])]
    assert "plain-14: loss around it" in titles and "Loss along one direction" in titles
