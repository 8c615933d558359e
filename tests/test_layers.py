"""The architecture is a test: who may import whom."""

import ast
import os
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "resnet_demo"
LAYERS = [  # from the roof to the ground; a room, or a file that stands alone
    {"__main__", "__init__"},
    {"ui", "cli", "notebook"},
    {"charts"},
    {"lab"},
    {"runs"},
    {"evaluate", "export"},
    {"probe", "classify"},
    {"training"},
    {"models", "data"},
    {"images"},
    {
        "device",
        "cores",
        "cache",
        "templates",
        "files",
        "progress",
        "config",
        "presets",
        "palette",
        "run_folder",
        "refs",
        "errors",
        "fetching",
        "limits",
    },
]
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
NAMES = [path.relative_to(PACKAGE).as_posix() for path in FILES]
LIBRARY_HOMES = {
    "gradio": ("ui/",),
    "bokeh": ("charts/",),
    "timm": ("models/hub.py", "training/muon.py"),
    "huggingface_hub": (
        "models/hub.py",
        "fetching.py",
        "export/hub_folder.py",
        "export/hub_jobs.py",
        "data/hub_pictures.py",
    ),
}
PANELS = ("train", "classify", "inspect", "lab", "read")  # of the page


def imports(path: Path) -> set[str]:
    """Modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(name: str) -> int:
    """Of a file's path in the package. An unknown room has none, and fails."""
    room = name.split("/")[0].removesuffix(".py")
    (found,) = [index for index, rooms in enumerate(LAYERS) if room in rooms]
    return found


def own_imports(path: Path) -> set[str]:
    """Files of the package that a file imports."""
    found = set()
    for module in imports(path):
        place = "/".join(module.split(".")[1:])
        candidates = {f"{place}.py", f"{place}/__init__.py"} if module.startswith("resnet_") else ()
        found |= {name for name in NAMES if name in candidates}
    return found - {path.relative_to(PACKAGE).as_posix()}


@pytest.mark.parametrize("name", NAMES)
def test_imports_go_down_only(name: str) -> None:
    for other in own_imports(PACKAGE / name):
        assert layer(other) >= layer(name), f"{name} imports {other}"


def test_every_room_that_has_a_layer_exists() -> None:
    rooms = {name.split("/")[0].removesuffix(".py") for name in NAMES}
    assert rooms == set().union(*LAYERS)


def test_no_files_import_each_other_in_a_circle() -> None:
    arrows = {name: own_imports(PACKAGE / name) for name in NAMES}
    for name in NAMES:  # a room's __init__ is there for those outside of it
        room = f"{name.rpartition('/')[0]}/__init__.py"
        arrows[name].discard(room)
    list(TopologicalSorter(arrows).static_order())  # raises CycleError, with the circle


@pytest.mark.parametrize("library", LIBRARY_HOMES)
def test_a_library_stays_in_its_rooms(library: str) -> None:
    for path, name in zip(FILES, NAMES):
        if any(module.split(".")[0] == library for module in imports(path)):
            assert name.startswith(LIBRARY_HOMES[library]), name


def test_panels_never_import_each_other() -> None:
    for name in NAMES:
        if (panel := panel_of(name)) is not None:
            others = {panel_of(other) for other in own_imports(PACKAGE / name)}
            assert others <= {None, panel}, name


def panel_of(name: str) -> str | None:
    return next((panel for panel in PANELS if name.startswith(f"ui/{panel}")), None)


def test_the_page_is_built_without_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from resnet_demo.config import Home;"
        "from resnet_demo.ui.page import build; build(Home(Path('nowhere')));"
        "assert not {'torch', 'timm', 'bokeh'} & set(sys.modules), 'imported too early';"
        "assert not Path('nowhere').exists()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


TRAIN = "train --data shapes --arch resnet8 --px 32 --start-px 32 --num-train 64 --num-val 20"


@pytest.mark.parametrize(
    "command",
    [f"{TRAIN} --epochs 1", "classify bundled a.png", "inspect bundled a.png --out looked"],
)
def test_our_networks_need_neither_timm_nor_torchs_compiler(command: str, tmp_path: Path) -> None:
    """Each takes as long to import as a training's first steps, or as many classifications."""
    Image.new("RGB", (64, 64), "red").save(tmp_path / "a.png")
    program = (
        "import sys; from resnet_demo.cli.main import main; assert main() == 0;"
        "heavy = {'timm', 'torchvision', 'torch._dynamo', 'sympy', 'gradio'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *command.split(), "--home", str(tmp_path / "home")],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_importing_prints_nothing_and_picks_no_device() -> None:
    modules = [
        ".".join(path.relative_to(ROOT).with_suffix("").parts)
        for path in FILES
        if path.stem != "__main__"
    ]
    program = f"import importlib\nfor name in {modules!r}: importlib.import_module(name)\n"
    program += "import torch; assert not torch.cuda.is_initialized()"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
