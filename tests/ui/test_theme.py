"""Text can be read on every ground (WCAG 2.2, 1.4.3: 4.5 to 1)."""

import re

import pytest

from resnet_demo.palette import PALETTE
from resnet_demo.ui.assets import styles
from resnet_demo.ui.theme import GRADIO, theme, variables

PAIRS = [
    (text, ground)
    for text in ("ink", "muted", "residual", "plain", "good", "bad")
    for ground in ("ground", "card", "inset", "soft")
    if (text, ground) != ("good", "soft") and (text, ground) != ("bad", "soft")
]


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear))


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
@pytest.mark.parametrize(("text", "ground"), PAIRS)
def test_text_can_be_read(text: str, ground: str, side: int) -> None:
    assert contrast(PALETTE[text][side], PALETTE[ground][side]) >= 4.5


LINES = [name for name in PALETTE if name.startswith(("residual-", "plain-"))]


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_lines_of_charts_can_be_seen(side: int) -> None:
    """WCAG 2.2, 1.4.11: 3 to 1."""
    assert len(LINES) == 8
    for name in LINES:
        assert contrast(PALETTE[name][side], PALETTE["card"][side]) >= 3, name


@pytest.mark.parametrize("side", [0, 1], ids=["light", "dark"])
def test_white_can_be_read_on_a_filled_button(side: int) -> None:
    assert contrast("#ffffff", PALETTE["accent"][side]) >= 4.5


def test_gradio_and_our_styles_have_one_palette() -> None:
    assert set(GRADIO.values()) <= set(PALETTE)
    assert theme().body_background_fill_dark == PALETTE["ground"][1]
    assert f"--residual: {PALETTE['residual'][0]};" in variables()


def test_no_selector_has_a_comma_in_parentheses() -> None:
    """Gradio takes it for the next selector, and puts a prefix there by which the rule beats all
    others: the confusion matrix had white buttons over its colours."""
    selectors = re.findall(r"([^{}]+){", re.sub(r"/\*.*?\*/", "", styles(), flags=re.DOTALL))
    assert len(selectors) > 200
    assert not [one for one in selectors if re.search(r"\([^)]*,", one)]
