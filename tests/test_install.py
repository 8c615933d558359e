"""What pip installs is the whole program: the page, the commands and the networks that ship."""

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import ROOT


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, unpacked where nothing else of the project lies."""
    place = tmp_path_factory.mktemp("wheel")
    words = ["--no-build-isolation", "--no-deps", "--no-index", "-w", str(place), str(ROOT)]
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", *words], capture_output=True, text=True
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = place.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place / "site")
    return place / "site"


def ran(site: Path, place: Path, *words: str) -> subprocess.CompletedProcess:
    """`resnet-demo WORDS` as its script runs it, away from the sources."""
    program = "import sys; from resnet_demo.__main__ import script; sys.exit(script())"
    return subprocess.run(
        [sys.executable, "-c", program, *words],
        cwd=place, env=os.environ | {"PYTHONPATH": str(site)}, capture_output=True, text=True,
    )  # fmt: skip


def test_the_wheel_names_its_script_and_every_requirement(installed: Path) -> None:
    (about,) = installed.glob("*.dist-info")
    assert "resnet-demo = resnet_demo.__main__:script" in (about / "entry_points.txt").read_text()
    wanted = len((ROOT / "requirements.txt").read_text().splitlines())
    assert (about / "METADATA").read_text().count("\nRequires-Dist: ") == wanted


def test_it_classifies_with_the_network_within(installed: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("RGB", (60, 40), "green").save(tmp_path / "picture.png")
    done = ran(installed, tmp_path, "classify", "bundled", "picture.png", "--home", "home")
    assert done.returncode == 0, done.stderr
    assert "%" in done.stdout


def test_without_a_command_it_is_the_page(installed: Path, tmp_path: Path) -> None:
    done = ran(installed, tmp_path, "--help")
    assert done.returncode == 0 and "Serve the page" in done.stdout


def test_the_page_has_all_its_files(installed: Path) -> None:
    for path in (ROOT / "resnet_demo").rglob("*.*"):
        if path.suffix in (".js", ".css", ".html"):
            assert (installed / path.relative_to(ROOT)).is_file(), path


@pytest.mark.parametrize(
    ("elsewhere", "told"),
    [
        ("version_info = (3, 10, 13)", "ResNet Demo needs Python 3.11.4 or newer; this is 3."),
        ("platform = 'win32'", "ResNet Demo needs Linux or macOS. On Windows, start it within WSL"),
    ],
)
def test_where_it_cannot_run_it_says_so_in_a_sentence(elsewhere: str, told: str) -> None:
    program = f"import sys; sys.{elsewhere}; import resnet_demo"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith(told)
