"""What is typed becomes a run's settings."""

import pytest

from resnet_demo.cli.main import parser
from resnet_demo.cli.runs import config_from
from resnet_demo.config import Home, TrainConfig
from resnet_demo.files import Json
from resnet_demo.presets import CLASSIFIER_ONLY, PRESETS, preset


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("--preset minute", PRESETS["minute"]),
        ("--preset minute --arch resnet34 --lr 0.5", dict(arch="resnet34", lr=0.5, px=112)),
        ("--preset minute --init bundled", dict(arch="resnet18d", epochs=3)),
        ("--preset coffee", dict(paired_filters=True, arch="resnet10d")),
        ("--preset coffee --init bundled", dict(paired_filters=False, epochs=10)),
        ("--preset coffee --arch resnet20", dict(paired_filters=False, epochs=10)),
        ("--init timm:resnet50", dict(arch="resnet50")),
        ("--px 32", dict(px=32, start_px=32)),
        ("--init bundled --freeze backbone", dict(arch="resnet18d", optimizer="adamw")),
    ],
)
def test_what_is_typed_comes_last_and_a_network_to_start_from_keeps_its_kind(
    typed: str, wanted: dict, home: Home
) -> None:
    config = config_from(parser().parse_args(["train", *typed.split()]), home).to_dict()
    assert {name: config[name] for name in wanted} == wanted


HEAD = dict(init="bundled", arch="resnet18d", freeze="backbone")


@pytest.mark.parametrize(
    "settings",
    [
        dict(px=64),
        dict(px=64, start_px=64),
        dict(px=160, start_px=128, zero_init=False),
        dict(init="bundled", arch="resnet18d", px=64),
        HEAD,
        HEAD | CLASSIFIER_ONLY,
        HEAD | CLASSIFIER_ONLY | dict(epochs=6, px=96, start_px=96, optimizer="muon"),
        preset("coffee"),
    ],
)
def test_the_options_of_a_configuration_make_it_again(settings: Json, home: Home) -> None:
    """An estimate is of what the form says, and a card's recipe of what was trained."""
    config = TrainConfig(**settings)
    assert config_from(parser().parse_args(["train", *config.options()]), home) == config
