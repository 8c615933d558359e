from typing import Any

import pytest

from resnet_demo.config import ARCHS, Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.presets import PRESETS, preset


@pytest.mark.parametrize(
    ("setting", "value", "says"),
    [
        ("epochs", 0, "epochs must lie between 1 and 10000. Got 0."),
        ("px", 7, "px must lie between 16 and 512. Got 7."),
        ("lr", float("nan"), "Got nan"),
        ("batch_size", 1, "Got 1"),
        ("arch", "resnet35", "no arch 'resnet35'"),
        ("optimizer", "lamb", "Choose one of: muon, sgd, adamw."),
        ("data", "folder:", "folder:PATH"),
        ("data", "imagenet", "shapes"),
        ("tracker", "x", "trackio"),
    ],
)
def test_nonsense_is_refused_with_the_value_seen(setting: str, value: object, says: str) -> None:
    with pytest.raises(UserError, match=says.replace("(", r"\(")) as caught:
        TrainConfig(**{setting: value})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        (dict(freeze="backbone"), "init"),
        (dict(freeze="backbone", init="bundled", cutmix=0.5), "Got cutmix 0.5"),
        (dict(freeze="backbone", init="bundled", sam_radius=0.5), "sam_radius 0.5; make both 0"),
        (dict(paired_filters=True, init="bundled"), "Got arch resnet18 and init 'bundled'"),
        (dict(paired_filters=True, arch="resnet20"), "Got arch resnet20 .* choose resnet18d"),
        (dict(crop="pad", px=32, start_px=16), "Got start_px 16 and px 32"),
    ],
)
def test_settings_that_cannot_go_together_are_refused_with_what_to_do(
    settings: dict[str, Any], says: str
) -> None:
    with pytest.raises(UserError, match=says):
        TrainConfig(**settings)


def test_a_config_survives_the_run_folder() -> None:
    config = TrainConfig(arch="plain56", seed=3)
    assert TrainConfig.from_dict(config.to_dict()) == config


def test_a_setting_of_another_version_is_named() -> None:
    with pytest.raises(UserError, match="colour"):
        TrainConfig.from_dict({**TrainConfig().to_dict(), "colour": 1})


def test_twins_differ_in_the_architecture_alone() -> None:
    config = TrainConfig(arch="resnet20")
    twin = config.twin()
    assert (twin.arch, twin.residual, twin.depth) == ("plain20", False, 20)
    assert twin.twin() == config


def test_every_network_has_a_twin() -> None:
    assert {name.replace("plain", "resnet") for name in ARCHS} <= set(ARCHS)


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_valid_and_promise_a_time(name: str) -> None:
    assert TrainConfig(**preset(name)).budget_seconds > 0


def test_an_unknown_preset_lists_the_known() -> None:
    with pytest.raises(UserError, match="minute, coffee, lunch"):
        preset("dinner")


def test_a_home_that_cannot_be_written_is_refused(tmp_path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="--home"):
        Home(tmp_path / "file" / "home").make()
