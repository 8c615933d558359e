"""The form shows the settings of what runs."""

from resnet_demo.config import Home, TrainConfig
from resnet_demo.presets import CLASSIFIER_ONLY, PRESETS
from resnet_demo.runs import control
from resnet_demo.runs.store import Store
from resnet_demo.ui.train.form import (
    HEAD_FIELDS,
    OWN,
    PRESET_WRITES,
    at_work,
    fill_in,
    fill_in_head,
    known_starts,
    network_of,
)


def test_the_form_takes_the_settings_of_a_run_under_way(home: Home) -> None:
    control.new_run(home, TrainConfig(data="shapes", **PRESETS["coffee"]))
    assert at_work(home, ["depth", "shortcuts", "px"]) == ["coffee", "10d", True, 128]


def test_a_labs_run_is_no_preset_and_no_error(home: Home) -> None:
    control.new_run(home, TrainConfig(data="shapes", arch="plain8", crop="pad", px=32, start_px=32))
    assert at_work(home, ["depth", "px"]) == [OWN, "8", 32]


def test_strangers_see_no_path_in_the_form(home: Home, monkeypatch) -> None:
    control.new_run(home, TrainConfig(data="folder:/srv/cats", init="file:/srv/mine/net.st"))
    names = ["data", "init"]
    assert at_work(home, names)[1:] == ["folder:/srv/cats", "file:/srv/mine/net.st"]
    monkeypatch.setenv("RESNET_DEMO_PUBLIC", "1")
    assert at_work(home, names)[1:] == ["folder:cats", "file:net.st"]


def test_only_the_classifier_writes_what_suits_it_and_a_preset_takes_it_back() -> None:
    preset, start, *settings = fill_in_head("backbone", "", "coffee")
    assert (preset, start) == (OWN, "bundled")
    assert dict(zip(HEAD_FIELDS, settings)) == {name: CLASSIFIER_ONLY[name] for name in HEAD_FIELDS}
    back = dict(zip(PRESET_WRITES, fill_in("coffee", "")))
    expected = TrainConfig(**PRESETS["coffee"]).to_dict() | {"depth": "10d"}
    assert back == {name: expected[name] for name in PRESET_WRITES}
    assert back["freeze"] == "none" and set(HEAD_FIELDS) <= set(back)


def test_a_preset_leaves_the_size_of_a_network_to_start_from() -> None:
    assert fill_in("coffee", "")[0] == "10d"
    assert fill_in("coffee", "timm:resnet50")[0] != "10d"


def test_the_network_follows_what_is_started_from(home: Home) -> None:
    run = control.new_run(home, TrainConfig(data="shapes", arch="resnet56"))
    starts = {"": "34", "bundled": "18d", "bundled:resnet56": "56", f"run:{run}": "56"}
    starts |= {"timm:resnet50": "50", "hub:someone/else": "34", "timm:resnetv2_50": "34"}
    assert {start: network_of(home, start, "34") for start in starts} == starts


def test_runs_that_have_weights_are_offered_to_start_from(home: Home) -> None:
    ended, begun = (control.new_run(home, TrainConfig(data="folder:/srv/cats")) for _ in range(2))
    with Store(home.run(ended)) as store:
        store.set(epoch=1)
    offered = dict((start, says) for says, start in known_starts(home))
    assert offered[f"run:{ended}"] == f"run {ended}: resnet18 on folder:cats"
    assert f"run:{begun}" not in offered and "timm:resnet50" in offered
