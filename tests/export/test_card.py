"""The card of a pushed network, filled from its run."""

from dataclasses import replace

import pytest
import torch

from resnet_demo.config import Home, TrainConfig
from resnet_demo.evaluate import metrics
from resnet_demo.export.card import card
from resnet_demo.files import read_json
from resnet_demo.models import reference
from resnet_demo.runs import control
from resnet_demo.runs.push import run_behind, story_of
from resnet_demo.runs.scheduler import train_here
from resnet_demo.training import checkpoint


def card_of_a_run(home: Home, config: TrainConfig) -> str:
    run = control.new_run(home, replace(config, epochs=1))
    assert train_here(home, run) == "finished"
    return told_of(home, f"run:{run}")


def told_of(home: Home, model: str) -> str:
    network, folder = reference.load(model, home), run_behind(home, model)
    assert folder is not None
    return card(network, "me/net", "mit", story_of(folder, network))


def test_no_path_of_this_machine_leaves_with_a_network(home: Home, config) -> None:
    first = control.new_run(home, replace(config, epochs=1))
    assert train_here(home, first) == "finished"
    start = home.run(first).weights / "last.safetensors"
    said = card_of_a_run(home, replace(config, init=f"file:{start}"))
    assert "--init=file:last.safetensors" in said and config.data.startswith("folder:/")
    weights = (home.run("0002").weights / "last.safetensors").read_bytes()
    for place in (str(start.parent), config.data.removeprefix("folder:")):
        assert place not in said and place.encode() not in weights


def test_the_accuracy_is_that_of_the_weights_that_go(home: Home, config) -> None:
    """A run's report is of its last weights; its best ones may be of another epoch."""
    run = control.new_run(home, replace(config, epochs=2))
    assert train_here(home, run) == "finished"
    weights, report = home.run(run).weights, read_json(home.run(run).report)
    last = reference.load(f"run:{run}@last", home)
    with torch.no_grad():
        last.model.fc.bias.add_(1)
    about = last.about | {"top1": "12.3450", "epoch": "1"}
    checkpoint.save_weights(weights / "best.safetensors", last.model, about)
    exact, other = told_of(home, f"run:{run}@last"), told_of(home, f"run:{run}")
    assert report["sha256"] in exact and f"{report['top1']:.2f} % top-1" in exact
    assert "12.3450 % top-1** on its validation pictures, as its file says" in other
    assert report["sha256"] not in other and "| class |" not in other
    assert "--arch=" in other and "these weights are of epoch 1" in other


def rows(text: str) -> dict[str, list[str]]:
    """class: [pictures, top-1, most often taken for]"""
    table = text.split("| class |")[1].split("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in table]
    return {name: rest for name, *rest in cells}


def test_every_class_has_its_row(home: Home, config) -> None:
    told = rows(card_of_a_run(home, config))
    assert list(told) == ["blue", "green", "red"]
    for pictures, top1, _ in told.values():
        assert int(pictures) > 0 and top1.endswith(" %")


def test_a_class_without_validation_pictures_has_no_accuracy(home: Home, config) -> None:
    told = rows(card_of_a_run(home, replace(config, val_from_train=1)))
    assert sorted(row[0] for row in told.values()) == ["0", "0", "1"]
    assert all((top1 == "–") == (pictures == "0") for pictures, top1, _ in told.values())


def test_many_classes_have_no_matrix(home: Home, config, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "MOST_CONFUSED_CLASSES", 2)
    told = rows(card_of_a_run(home, config))
    assert {taken_for for *_, taken_for in told.values()} == {"–"}
