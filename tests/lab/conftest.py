"""A small lab that has been raced: plain and residual networks of 8 and 14 layers."""

from collections.abc import Iterator

import pytest

from resnet_demo.charts.report import write_page
from resnet_demo.config import Home
from resnet_demo.lab import protocols
from resnet_demo.lab import store as labs
from resnet_demo.lab.runner import race
from resnet_demo.lab.store import Lab
from resnet_demo.progress import be_silent
from resnet_demo.runs import control
from resnet_demo.runs.locks import is_held
from tests.conftest import draw_folder


@pytest.fixture(scope="session")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    """DATA with enough pictures for a batch of the protocols."""
    return f"folder:{draw_folder(tmp_path_factory.mktemp('many'), 50, 10, px=32)}"


@pytest.fixture(scope="session")
def raced(tmp_path_factory: pytest.TempPathFactory, many: str) -> tuple[Home, Lab]:
    """Not to be changed."""
    home = Home(tmp_path_factory.mktemp("raced"))
    home.make()
    lab = labs.create(home, "quick", protocols.configs("quick", many, home, (8, 14)))
    race(home, lab, be_silent, lambda: write_page(home, lab))
    race(home, lab, be_silent, lambda: write_page(home, lab))  # measured and reported again
    return home, lab


@pytest.fixture
def lab(home: Home, many: str) -> Iterator[Lab]:
    """Queued; nothing trains it, and what a test started ends with it."""
    created = labs.create(home, "quick", protocols.configs("quick", many, home, (8,)))
    yield created
    for run in created.runs:
        if is_held(home.run(run).lock):
            control.cancel(home, run)
