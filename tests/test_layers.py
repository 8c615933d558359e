"""The architecture is a test: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = ROOT / "resnet_demo"
LAYERS = [
    {"ui"},
    {"lab", "hub"},
    {"runs"},
    {"evaluate"},
    {"probe", "classify"},
    {"training"},
    {"models", "data"},
    {"images"},
    {"config", "files", "cache"},
]
FILES = sorted(path for path in PACKAGE.rglob("*.py"))
LIBRARY_HOMES = {
    "gradio": ("ui/",),
    "timm": ("models/hub.py", "training/optim.py", "hub/"),
    "huggingface_hub": ("models/hub.py", "models/fetching.py", "hub/"),
}


def imports(path: Path) -> set[str]:
    """Modules that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def layer(room: str) -> int | None:
    return next((index for index, rooms in enumerate(LAYERS) if room in rooms), None)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(PACKAGE).as_posix())
def test_imports_go_down_only(path: Path) -> None:
    here = layer(path.relative_to(PACKAGE).parts[0].removesuffix(".py"))
    if here is None:  # __init__ and __main__ stand above all
        return
    for module in imports(path):
        if module.startswith("resnet_demo."):
            there = layer(module.split(".")[1])
            assert there is None or there >= here, f"{path} imports {module}"


@pytest.mark.parametrize("library", LIBRARY_HOMES)
def test_a_library_stays_in_its_rooms(library: str) -> None:
    for path in FILES:
        name = path.relative_to(PACKAGE).as_posix()
        if any(module.split(".")[0] == library for module in imports(path)):
            assert name.startswith(LIBRARY_HOMES[library]), name


def test_tabs_never_import_each_other() -> None:
    tabs = {path.stem for path in (PACKAGE / "ui").glob("*_tab.py")}
    for path in (PACKAGE / "ui").glob("*_tab.py"):
        assert not {f"resnet_demo.ui.{tab}" for tab in tabs - {path.stem}} & imports(path), path


def test_the_page_is_built_without_torch() -> None:
    program = (
        "import sys; from pathlib import Path; from resnet_demo.config import Home;"
        "from resnet_demo.ui.page import build; build(Home(Path('nowhere')));"
        "assert not {'torch', 'timm', 'bokeh'} & set(sys.modules), 'imported too early';"
        "assert not Path('nowhere').exists()"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
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
