"""A room is read at one sitting: short files, short functions, no line that must be scrolled."""

import ast
from pathlib import Path
from statistics import median

from tests.conftest import ROOT

PACKAGE = ROOT / "resnet_demo"
SCRIPTS = sorted(PACKAGE.rglob("*.js"))


def lengths(path: Path) -> dict[str, int]:
    """{function: lines}"""
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        f"{path.name}:{node.name}": (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, functions)
    }


def test_files_and_functions_are_short() -> None:
    found: dict[str, int] = {}
    for path in PACKAGE.rglob("*.py"):
        assert len(path.read_text().splitlines()) <= 300, path
        found |= lengths(path)
    assert {name: lines for name, lines in found.items() if lines > 40} == {}
    assert median(found.values()) <= 8


def test_scripts_are_short_and_narrow() -> None:
    assert SCRIPTS
    for path in SCRIPTS:
        lines = path.read_text().splitlines()
        assert len(lines) <= 250 and max(map(len, lines)) <= 120, path
