import json
import shutil
from dataclasses import replace

import pytest

from resnet_demo.cli.main import parser
from resnet_demo.config import Home, TrainConfig
from resnet_demo.errors import UserError
from resnet_demo.files import read_json
from resnet_demo.models.reference import bundled_path
from resnet_demo.runs import control, sweeps


def test_a_grid_is_typed_as_the_settings_are() -> None:
    grid = sweeps.grid_of(["lr=0.01, 0.02,0.01", "optimizer=sgd,muon", "zero-init=true,false"])
    assert grid == {"lr": (0.01, 0.02), "optimizer": ("sgd", "muon"), "zero_init": (True, False)}
    assert len(sweeps.points(grid)) == 8
    assert sweeps.points({}) == [{}] and sweeps.named({}) == "as given"
    assert sweeps.named({"init": "/home/me/net.pt", "lr": 0.1}) == "init net.pt, lr 0.1"


def test_the_page_gets_no_path_of_a_sweep(home: Home, config: TrainConfig, tmp_path) -> None:
    from resnet_demo.ui.requests import TrainRequest
    from resnet_demo.ui.train.sweeps import Comparison

    paths = [tmp_path / name for name in ("a.safetensors", "b.safetensors")]
    for path in paths:
        shutil.copy(bundled_path("resnet56"), path)
    starts = tuple(f"file:{path}" for path in paths)
    sweeps.create(home, replace(config, arch="resnet56"), {"init": starts}, 1)
    answer = Comparison(home).sweep(TrainRequest())
    assert [row["name"] for row in answer["rows"]] == ["init a.safetensors", "init b.safetensors"]
    assert str(tmp_path) not in str(answer)


@pytest.mark.parametrize("damage", ["{", '"seeds": 0', '"seeds": 3', '"runs": []'])
def test_a_damaged_sweep_is_told_and_hides_no_other(home: Home, config, damage: str) -> None:
    from resnet_demo.ui.requests import TrainRequest
    from resnet_demo.ui.train.sweeps import Comparison

    first, second = (sweeps.create(home, config, {"lr": (0.1, 0.2)}, 2).sweep for _ in range(2))
    file = home.sweeps / second / "sweep.json"
    values = read_json(file)
    file.write_text("{" if damage == "{" else json.dumps(values | json.loads(f"{{{damage}}}")))
    answer = Comparison(home).sweep(TrainRequest())
    assert (answer["sweep"], answer["sweeps"]) == (first, [second, first])
    with pytest.raises(UserError, match=f"The file of sweep {second} is damaged"):
        Comparison(home).sweep(TrainRequest(value=second))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr", "A grid names values, as in lr=0.01,0.02. Got 'lr'."),
        ("lr=", "A grid names values"),
        ("lr=fast", "lr takes numbers. Got 'fast'."),
        ("epochs=1.5", "epochs takes whole numbers. Got '1.5'."),
        ("seed=1,2", "setting of a grid"),
        ("data=shapes,cifar10", "setting of a grid"),
        ("colour=red", "setting of a grid"),
        ("zero_init=maybe", "zero_init"),
    ],
)
def test_what_is_no_grid_is_a_sentence(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said.replace(".", r"\.")):
        sweeps.grid_of([text])


def test_settings_and_seeds_make_runs(config: TrainConfig) -> None:
    made = sweeps.configs(replace(config, seed=5), {"lr": (0.01, 0.02)}, 3)
    assert [(c.lr, c.seed) for c in made] == [(lr, s) for lr in (0.01, 0.02) for s in (5, 6, 7)]
    smaller = sweeps.configs(replace(config, px=64, start_px=64), {"px": (32, 96)}, 1)
    assert [(c.px, c.start_px) for c in smaller] == [(32, 32), (96, 64)]
    for grid, seeds in (({}, 1), ({"lr": (0.1, 0.2)}, 51), ({}, 0)):
        with pytest.raises(UserError, match="compares 2 to 100 runs"):
            sweeps.configs(config, grid, seeds)
    with pytest.raises(UserError, match="lr must lie between"):
        sweeps.configs(config, {"lr": (0.1, -1.0)}, 1)


@pytest.mark.parametrize(
    ("wrong", "grid"),
    [
        (dict(data="folder:/nowhere"), {}),
        (dict(init="bundled:resnet56", arch="resnet56"), {"arch": ("resnet56", "resnet8")}),
    ],
)
def test_nothing_is_left_of_a_sweep_that_cannot_begin(
    home: Home, config: TrainConfig, wrong: dict, grid: dict
) -> None:
    with pytest.raises(UserError, match=r"There is no folder|Cannot start a resnet8"):
        sweeps.create(home, replace(config, **wrong), grid, 2)
    assert control.run_names(home) == [] and sweeps.sweep_names(home) == []


@pytest.mark.parametrize("together", [False, True])
def test_a_sweep_trains_compares_and_goes_on(together: bool, home: Home, config) -> None:
    words = ["sweep", *config.options(), "--epochs=2", "--grid=lr=0.00001,0.01", "--seeds=2"]
    args = parser().parse_args([*words, "--home", str(home.path), *["--together"] * together])
    answer = args.function(args)
    low, high = answer["rows"]
    assert answer["done"] == 4 and high["mean"] > low["mean"] and set(low["by_seed"]) == {"0", "1"}
    assert low["low"] <= low["mean"] <= low["high"] and low["seconds"] > 0
    assert answer["verdict"][0].startswith("lr 0.01 against lr 1e-05: +")
    control.delete(home, answer["runs"][0])
    again = parser().parse_args(["sweep", "--sweep", "0001", "--home", str(home.path)])
    answer = again.function(again)
    assert answer["done"] == 3 and answer["rows"][0]["low"] is None  # it is gone, the rest stands
    assert "One seed cannot tell" in answer["verdict"][0]


def test_a_run_that_fails_leaves_the_others_at_work(home: Home, config: TrainConfig) -> None:
    words = ["sweep", *config.options(), "--optimizer=sgd", "--epochs=4", "--warmup=0"]
    words += ["--grid=lr=100,0.01", "--seeds=1", "--home", str(home.path)]
    words += ["--weight-decay=10"]  # times lr a thousand, at each step: nothing stays finite
    args = parser().parse_args(words)
    answer = args.function(args)
    diverged, trained = answer["rows"]
    assert diverged["mean"] is None and trained["mean"] is not None and answer["verdict"] == []
    assert control.read_run(home, "0001").state == "failed"


def row(name: str, *values: float) -> dict:
    by_seed = {str(seed): value for seed, value in enumerate(values)}
    return {"name": name, "by_seed": by_seed, "mean": sum(values) / len(values)}


def test_only_what_is_larger_than_the_noise_is_called_so() -> None:
    """Seed by seed: what all seeds share is no noise between the settings."""
    clear = sweeps.verdict([row("a", 80, 85, 90), row("b", 78.1, 83, 87.9)])
    assert clear == ["a against b: +2.00 points (95 % interval +1.75 to +2.25, 3 seeds): larger "
                     "than the noise."]  # fmt: skip
    assert "within the noise" in sweeps.verdict([row("a", 80, 85), row("b", 81, 83)])[0]
    assert sweeps.verdict([row("a", 80)]) == []
    assert "one in twenty" in sweeps.verdict([row(name, 80, 81) for name in "abcd"])[-1]


def test_a_damaged_file_and_a_wrong_name_are_sentences(home: Home, config: TrainConfig) -> None:
    made = sweeps.create(home, config, {}, 2)
    assert sweeps.open_sweep(home, made.sweep) == made
    with pytest.raises(UserError, match="There is no sweep '../x' here. Sweeps: 0001."):
        sweeps.open_sweep(home, "../x")
    (home.sweeps / "0001" / "sweep.json").write_text('{"grid": 3}')
    with pytest.raises(UserError, match="The file of sweep 0001 is damaged"):
        sweeps.open_sweep(home, "0001")
