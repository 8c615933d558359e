"""The form shows the settings of what runs."""

from resnet_demo.config import PRESETS, Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.ui.train.form import OWN, at_work


def test_the_form_takes_the_settings_of_a_run_under_way(home: Home) -> None:
    control.new_run(home, TrainConfig(data="shapes", arch="plain56", **PRESETS["coffee"]))
    assert at_work(home, ["depth", "shortcuts", "px"]) == ["coffee", 56, False, 128]


def test_a_labs_run_is_no_preset_and_no_error(home: Home) -> None:
    control.new_run(home, TrainConfig(data="shapes", arch="plain8", crop="pad", px=32, start_px=32))
    assert at_work(home, ["depth", "px"]) == [OWN, 8, 32]
