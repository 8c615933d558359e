"""The command line: one JSON object, one sentence, the right exit status."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path

import pytest

from resnet_demo.cli.main import parser
from resnet_demo.config import Home, TrainConfig
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from tests.commands import Started
from tests.conftest import ROOT, draw_folder, small, wait_until


def words(pictures: Path, **changes: object) -> list[str]:
    options = {**small(pictures), **changes}
    return [f"--{name.replace('_', '-')}={value}" for name, value in options.items()]


def test_train_show_runs_evaluate_delete(command, pictures: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    done = command("train", *words(pictures), "--home", home, "--json")
    assert done.returncode == 0, done.stderr
    trained = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    promised = "run state arch data epochs steps top1 best_top1 train_loss val_loss train_error"
    assert set(f"{promised} seconds images_per_s params".split()) <= set(trained)
    assert (trained["run"], trained["state"], trained["steps"]) == ("0001", "finished", 15)
    assert json.loads(command("show", "0001", "--home", home, "--json").stdout) == trained
    listed = json.loads(command("runs", "--home", home, "--json").stdout)["runs"]
    assert [row["run"] for row in listed] == ["0001"]
    data = f"folder:{pictures}"
    measured = json.loads(
        command("evaluate", "run:0001@last", "--data", data, "--home", home, "--json").stdout
    )
    assert measured["top1"] == pytest.approx(trained["top1"]) and measured["n"] == 12
    low, high = measured["top1_ci95"]
    assert low <= measured["top1"] <= high
    assert "was deleted" in command("delete", "0001", "--home", home).stdout
    assert "No runs yet" in command("runs", "--home", home).stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "--arch", "resnet35"], "no arch 'resnet35'"),
        (["train", "--epochs", "0"], "epochs must lie between"),
        (["train", "--px", "7"], "px must lie between"),
        (["train", "--data", "folder:/nowhere"], "There is no folder /nowhere"),
        (["train", "--preset", "dinner"], "minute, coffee, lunch"),
        (["show", "0007"], "There is no run '0007'"),
        (["resume", "../x"], "There is no run"),
        (["evaluate", "nothing"], "Choose one of: bundled"),
        (["set", "0001"], "Nothing to set"),
    ],
)
def test_mistakes_get_one_sentence_and_status_1(arguments, says, command, tmp_path: Path) -> None:
    done = command(*arguments, "--home", tmp_path)
    assert done.returncode == 1 and done.stdout in ("",) or done.stdout.startswith("Run 0001")
    assert says in done.stderr and "Traceback" not in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_wrong_arguments_are_status_2(command) -> None:
    assert command("trian").returncode == 2
    assert command("train", "--epochs", "many").returncode == 2


def test_interrupt_keeps_the_run_and_is_status_130(pictures: Path, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    long = words(pictures, epochs=5000)
    process = Started(
        dict(os.environ), tmp_path, "resnet_demo", "train", *long, "--home", home.path
    )
    wait_until(lambda: control.run_names(home) and control.read_run(home, "0001").step > 2)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    assert control.read_run(home, "0001").state == "interrupted"


def test_a_second_train_waits_its_turn_and_says_so(command, pictures: Path, tmp_path: Path) -> None:
    home, told = Home(tmp_path / "home"), tmp_path / "second"
    told.mkdir()
    train = ("resnet_demo", "train", "--home", home.path)
    first = Started(dict(os.environ), tmp_path, *train, *words(pictures, epochs=5000))
    wait_until(lambda: control.run_names(home) and control.read_run(home, "0001").step > 2)
    second = Started(dict(os.environ), told, *train, *words(pictures))
    wait_until(lambda: home.run("0002").lock.exists()
               and "another run" in control.read_run(home, "0002").message)  # fmt: skip
    assert "Stopped at step" in command("stop", "0001", "--home", home.path).stdout
    assert second.wait(60) == 0 and "Waiting for another run" in second.said()
    assert first.wait(20) == 0
    wait_until(lambda: not is_held(home.run("0002").lock))


def test_a_run_may_start_from_another(command, pictures: Path, tmp_path: Path) -> None:
    command("train", *words(pictures), "--home", tmp_path)
    again = words(pictures, init="run:0001", epochs=1, lr=1e-6)
    done = command("train", *again, "--home", tmp_path, "--json")
    first, second = control.read_run(Home(tmp_path), "0001"), json.loads(done.stdout)
    assert second["top1"] >= first.best_top1 - 20


def test_find_lr_and_estimate_answer_in_json(command, pictures: Path, tmp_path: Path) -> None:
    for name, key in (("find-lr", "lr"), ("estimate", "seconds")):
        done = command(name, *words(pictures), "--home", tmp_path, "--json")
        assert json.loads(done.stdout)[key] > 0, done.stderr


def test_inspect_writes_files_and_prints_json(
    command: Callable, pictures: Path, tmp_path: Path
) -> None:
    picture = next((pictures / "val" / "red").glob("*.png"))
    words = ("inspect", "bundled:resnet56", picture, "--target", "church", "--json")
    told = json.loads(command(*words, "--out", tmp_path / "out").stdout)
    assert (told["class"], len(told["blocks"])) == ("church", 28)
    assert (tmp_path / "out" / "stem-maps.png").is_file()
    best, other = (row["class"] for row in told["top"][:2])
    lines = command(*words[:4], other).stdout.split("\n")
    assert f"says {best}: " in lines[0] and lines[1].startswith(f"Below is {other}: ")
    refused = command("inspect", "bundled", tmp_path)
    assert refused.returncode == 1 and "folder" in refused.stderr


def test_lesion_and_compare_and_lab_print_json(command: Callable, tmp_path: Path) -> None:
    home = ("--home", tmp_path, "--json")
    told = json.loads(command("lesion", "bundled", "--data", "shapes", "--n", 5, *home).stdout)
    assert len(told["blocks"]) == 8 and told["baseline_top1"] is None
    plain = command("lesion", "bundled:plain56", "--data", "shapes", *home)
    assert plain.returncode == 1 and "no shortcuts" in plain.stderr
    words = ("compare", "bundled:resnet56", "bundled:plain56", "--data", "shapes", "--n", 4)
    told = json.loads(command(*words, *home).stdout)
    assert len(told["cka"]) == len(told["rows"]) == len(told["columns"]) == 28
    rows = json.loads(command("lab", "initialisation", *home).stdout)["rows"]
    assert {row["arch"] for row in rows} >= {"plain110", "resnet110"}


def test_lab_degradation_races_and_is_read_again(command: Callable, tmp_path: Path) -> None:
    data = f"folder:{draw_folder(tmp_path / 'many', 50, 5, px=32)}"
    lab = ("lab", "degradation", "--home", tmp_path / "home")
    chosen = ("--data", data, "--depths", "8,14")
    expected = json.loads(command(*lab, *chosen, "--estimate", "--json").stdout)
    assert expected["networks"] == 4 and expected["seconds"] > 0
    assert "No runs yet" in command("runs", "--home", tmp_path / "home").stdout
    told = json.loads(command(*lab, *chosen, "--json").stdout)
    assert {(row["arch"], row["state"]) for row in told["rows"]} == {
        (f"{kind}{depth}", "finished") for kind in ("plain", "resnet") for depth in (8, 14)
    }
    assert [finding["outcome"] for finding in told["verdict"]]
    again = command(*lab, "--lab", told["lab"])
    assert "plain - residual" in again.stdout and told["verdict"][0]["why"] in again.stdout
    for words, says in (
        (("--depths", "20,35"), "6n + 2"),
        (("--depths", "deep"), "as in 20,56"),
        (("--lab", "0007"), "There is no lab '0007'"),
        (("--protocol", "long"), "quick, short, paper"),
    ):
        refused = command(*lab, *words)
        assert refused.returncode == 1 and says in refused.stderr
    assert "Name the lab" in command("lab", "landscape", *lab[2:]).stderr


def test_a_pipe_that_closes_and_a_narrow_terminal_end_quietly(tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    for name in ("é", "日本"):
        place = tmp_path / name
        draw_folder(place, 3, 2)
        control.new_run(home, TrainConfig(**small(place)))
    words = f"{sys.executable} -m resnet_demo runs --home {home.path}"
    done = subprocess.run(
        f"set -o pipefail; {words} | true; {words} | head -c 1 > {tmp_path / 'out'}",
        shell=True, executable="/bin/bash", cwd=ROOT, capture_output=True, text=True,
    )  # fmt: skip
    assert done.stderr == "" and (tmp_path / "out").read_text() == "0"
    narrow = {**os.environ, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = subprocess.run(words, shell=True, cwd=ROOT, env=narrow, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "") and "\\u65e5" in done.stdout


def test_every_setting_says_what_it_is(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        parser().parse_args(["train", "--help"])
    shown = " ".join(capsys.readouterr().out.split())
    for setting in fields(TrainConfig):
        assert setting.metadata["says"] in shown, setting.name


def test_a_folder_of_pictures_is_classified_into_a_table(
    command: Callable, pictures: Path, tmp_path: Path
) -> None:
    table, folder = tmp_path / "answers.csv", tmp_path / "val"
    shutil.copytree(pictures / "val", folder)
    ask = ["classify", "bundled:resnet56", str(folder), f"--csv={table}", "--top=2", "--json"]
    answered = json.loads(command(*ask).stdout)["images"]
    assert sorted(row["path"] for row in answered) == sorted(map(str, folder.rglob("*.png")))
    head, *lines = table.read_text().splitlines()
    assert head == "picture,class_1,probability_1,class_2,probability_2,unlike,ms,error"
    assert [line.split(",")[0] for line in lines] == [row["path"] for row in answered]
    one = next(folder.rglob("*.png"))
    one.rename(os.fsdecode(os.fsencode(one.parent) + b"/odd\xff.png"))
    odd = [*ask[:3], f"--csv={tmp_path / 'odd.csv'}"]
    assert command(*odd).returncode == 0 and "odd\\udcff.png" in (tmp_path / "odd.csv").read_text()
    again = command(*ask)
    assert again.returncode == 1 and "exists already" in again.stderr
