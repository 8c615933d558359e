"""The README and CONTRIBUTING never drift from the code."""

import json
import re
import shlex
import subprocess
import sys
from statistics import mean

import pytest

from resnet_demo.cli.main import parser
from resnet_demo.files import Json
from resnet_demo.presets import PRESETS
from resnet_demo.refs import DataRef
from tests.conftest import ROOT

README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
RECORDS = json.loads((ROOT / "bench/results/records.json").read_text())["rows"]
COMMANDS = re.findall(r"^python -m resnet_demo (.+?)(?:\s+#.*)?$", README, re.MULTILINE)


@pytest.mark.parametrize("line", COMMANDS)
def test_every_command_in_the_readme_parses(line: str) -> None:
    parser().parse_args(shlex.split(line))


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) >= 6


@pytest.mark.parametrize("path", re.findall(r"\]\(([\w./-]+)\)", README))
def test_every_link_leads_somewhere(path: str) -> None:
    assert (ROOT / path).exists()


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_has_its_row_of_results(name: str) -> None:
    assert re.search(rf"^\| `{name}` \|", README, re.MULTILINE)


@pytest.mark.parametrize("row", RECORDS, ids=lambda row: row["name"])
def test_every_record_is_told_as_it_was_measured(row: Json) -> None:
    table = README[README.index("| record |") :]
    found = re.search(rf"^\| `{row['name']}` \|.*", table, re.MULTILINE)
    top1 = row["top1"]
    told = f"{mean(top1):.2f} % ({min(top1):.2f} to {max(top1):.2f}, n = {len(top1)})"
    assert found and told in found.group() and f"`{row['command']}`" in found.group()


def test_every_dependency_has_its_reason() -> None:
    reasons = (ROOT / "CONTRIBUTING.md").read_text()
    for line in (ROOT / "requirements.txt").read_text().splitlines():
        name = re.split(r"[<>=]", line)[0]
        assert re.search(rf"^\| `{name}` \|", reasons, re.MULTILINE), name


def test_the_map_names_every_room_and_no_other() -> None:
    place = README[README.index("## Where things live") :]
    named = re.findall(r"^\| `([a-z_]+(?:\.py)?)` \|", place[: place.index("\n## ")], re.MULTILINE)
    rooms = {path.name for path in (ROOT / "resnet_demo").iterdir() if path.name[0] not in "_."}
    assert sorted(named) == sorted(rooms)


def test_every_measure_has_its_line() -> None:
    table = (ROOT / "bench/README.md").read_text()
    names = {path.stem for path in (ROOT / "bench").glob("*.py") if path.stem[0] != "_"}
    assert {name for name in names if f"\n| `{name}` |" in table} == names


@pytest.mark.parametrize("path", re.findall(r"`((?:\w+/)+\w+\.py)`", CONTRIBUTING + README))
def test_every_file_that_is_named_is_there(path: str) -> None:
    assert (ROOT / path).exists() or (ROOT / "resnet_demo" / path).exists()


def test_results_name_pictures_and_no_folder_of_a_machine() -> None:
    for path in (ROOT / "bench/results").glob("*.json"):
        data = json.loads(path.read_text())["data"]
        assert DataRef.parse(data).shown == data, path


def test_a_measure_refuses_what_names_no_pictures() -> None:
    words = [sys.executable, "-m", "bench", "soak", "--data", "/some/folder"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 2 and "There is no data '/some/folder'" in done.stderr
