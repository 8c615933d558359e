from html.parser import HTMLParser

import pytest

from resnet_demo.config import Home
from resnet_demo.errors import UserError
from resnet_demo.files import read_json
from resnet_demo.models import reference
from resnet_demo.models.network import Network
from resnet_demo.templates import render
from resnet_demo.ui.page import TABS
from resnet_demo.ui.read import tab
from resnet_demo.ui.read.figures import FIGURES
from resnet_demo.ui.read.steps import LOOP, STEPS
from resnet_demo.ui.read.tab import Reader, options_of
from resnet_demo.ui.requests import ReadRequest
from resnet_demo.ui.serving import Classifier
from tests.conftest import ROOT

CHEAP = [  # every choice that is computed in an instant; of the others, the first
    (step.name, value)
    for step in STEPS
    for value, _ in options_of(step)[: 1 if step.name in ("gradients", "timm") else None]
]


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Network:
    return reference.load("bundled", Home(tmp_path_factory.mktemp("home")))


@pytest.mark.parametrize(("step", "choice"), CHEAP)
def test_every_choice_has_a_figure_with_a_sentence(step: str, choice: str, bundled) -> None:
    figure = FIGURES[step](choice, lambda: bundled)
    assert figure["sentence"].endswith((".", "?")) and len(figure["sentence"]) > 10
    for row in figure.get("table", {}).get("rows", []):
        assert len(row) == len(figure["table"]["head"])


def test_plain_gradients_grow_toward_the_picture_and_residual_ones_do_less(bundled) -> None:
    found = FIGURES["gradients"]("56", lambda: bundled)["lines"]
    lines = {line["name"]: line["y"] for line in found}
    plain, residual = (lines[name][0] / lines[name][-1] for name in ("plain", "residual"))
    assert plain > 100 * residual


def test_the_articles_faults_fail_as_printed_and_run_when_mended(bundled) -> None:
    errors = {"stride": "RuntimeError", "pool": "RuntimeError", "momentum": "TypeError"}
    for fault, error in errors.items():
        printed, mended = FIGURES["listing"](fault, lambda: bundled)["table"]["rows"]
        assert error in printed[2] and "Error" not in mended[2]


def test_the_mended_loop_stands_beside_ours_as_measured(bundled) -> None:
    measured = read_json(ROOT / "bench" / "results" / "peers.json")
    figure = FIGURES["listing"](LOOP, lambda: bundled)
    shown = [bar["value"] for bar in figure["bars"]]
    assert shown == [round(measured["top1"][loop], 1) for loop in ("article", "ours")]
    assert f"{measured['epochs']} epochs" in figure["sentence"]


def test_timms_network_is_ours(bundled) -> None:
    assert "logits: 0." in FIGURES["timm"]("resnet18", lambda: bundled)["sentence"]


def test_a_step_or_choice_that_is_none_is_refused(home: Home) -> None:
    reader = Reader(Classifier(home))
    for step, choice in (("nonsense", "1"), ("shapes", "9"), ("shapes", "")):
        with pytest.raises(UserError, match="Choose one of"):
            reader.figure(ReadRequest(step=step, choice=choice))


def test_nobody_waits_for_anothers_figure(home: Home) -> None:
    reader = Reader(Classifier(home))
    with reader.lock:
        assert "moment" in reader.figure(ReadRequest(step="shapes", choice="1"))["busy"]
    first = reader.figure(ReadRequest(step="shapes", choice="1"))
    with reader.lock:  # what was computed once is there
        assert reader.figure(ReadRequest(step="shapes", choice="1")) is first


class Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name == "href" and value]


def test_links_lead_to_tabs_of_this_page() -> None:
    links = Links()
    links.feed(tab.markup())
    assert len(links.found) == 2 * len(STEPS) == 20
    for link in links.found:
        assert link.startswith("?tab=") and link[5:].partition("&")[0] in TABS


def test_the_pages_text_is_what_docs_tell() -> None:
    made = render("ui/read/steps.md", steps=STEPS)
    assert (ROOT / "docs" / "read.md").read_text() == made, "run scripts/docs"
