"""axe-core finds nothing of ours on any tab, light or dark, and nothing moves for ever."""

import pytest

from resnet_demo.ui.page import TABS
from tests.conftest import wait_until

pytestmark = pytest.mark.browser
READY = {  # what a tab shows when it has drawn itself
    "train": "#live .charts .bk-Figure",
    "classify": "#opinion-first",
    "inspect": "#inspect .facts",
    "lab": "#lab .state",
    "read": "#read-degradation figcaption:not(:empty)",
}
COUNT_FRAMES = """
  const request = requestAnimationFrame.bind(window);
  window.asked = 0;
  window.requestAnimationFrame = callback => { asked += 1; return request(callback); };
  window.askedInHundred = async () => {
    const before = asked;
    for (let frame = 0; frame < 100; frame++) await new Promise(request);
    return asked - before;
  };"""
GRADIOS = "svelte-"  # in a class of every element that Gradio makes
DIFFER = """kind => new Set([...document.querySelectorAll(kind)]
  .map(one => getComputedStyle(one).backgroundColor)).size > 1"""
WITHOUT_END = """gradios => document.getAnimations()
  .filter(one => one.effect.getTiming().iterations > 100)
  .map(one => one.effect.target.getAttribute("class") ?? "")
  .filter(name => !name.includes(gradios))"""


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("tab", TABS)
def test_axe_finds_nothing_of_ours(shared, page, tab: str, theme: str) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page.goto(f"{shared.url}?tab={tab}&__theme={theme}")
    page.wait_for_selector(READY[tab], state="attached", timeout=60_000)
    found = Axe().run(page).response["violations"]
    told = [
        f"{one['id']}: {node['html'][:160]} {node['failureSummary'][:200]}"
        for one in found
        for node in one["nodes"]
        if GRADIOS not in node["html"]
    ]
    assert not told, "\n".join(told)
    assert not page.evaluate(WITHOUT_END, GRADIOS)  # one dashed line takes a quarter of a core


def test_a_page_at_rest_draws_hardly_a_frame(shared, page) -> None:
    """Sixty a second take a tenth of a core from the training beside it."""
    page.add_init_script(COUNT_FRAMES)
    page.goto(shared.url)
    page.wait_for_selector(READY["train"], state="attached", timeout=60_000)
    wait_until(lambda: page.evaluate("askedInHundred()") < 20)


def test_a_contrast_theme_of_the_system_hides_nothing(shared, page) -> None:
    """It takes all grounds away: a tab that is chosen, and colours that are data, keep theirs."""
    page.emulate_media(forced_colors="active")
    page.goto(f"{shared.url}?tab=inspect")
    page.wait_for_selector(READY["inspect"], state="attached", timeout=60_000)
    for kind in ("#inspect .tile", ".tab-container button[role=tab]"):
        page.wait_for_function(DIFFER, arg=kind)
