"""A guess is held against what the lab has shown, or else against the paper."""

import pytest

from resnet_demo.errors import UserError
from resnet_demo.lab.paper import CLASSES
from resnet_demo.lab.quiz import EQUAL, compare, questions
from tests.lab.test_verdict import rows

GUESS = {"plain": "20 layers", "residual": EQUAL, "depth": 44, "place": "between the two"}


def test_right_and_wrong_guesses_are_told_apart() -> None:
    plain, residual, _ = compare(GUESS, rows({20: [54], 56: [76]}, {20: [44], 56: [57]}))
    assert plain.right is True and plain.found == "20 layers"
    assert residual.right is False and residual.found == "20 layers" and "+13.0" in residual.note


def test_equal_means_within_a_point() -> None:
    _, residual, _ = compare(GUESS, rows({}, {20: [8.0], 56: [8.9]}))
    assert residual.right is True


@pytest.mark.parametrize(
    ("error", "place"),
    [(60, "between the two"), (50, "lower than both"), (80, "higher than both")],
)
def test_the_depth_in_between_is_read_from_the_lab_when_it_has_it(error, place) -> None:
    *_, between = compare(GUESS, rows({20: [54], 44: [error], 56: [76]}, {}))
    assert (between.found, between.note) == (place, "in this lab")


def test_else_from_the_papers_figure_and_says_so() -> None:
    given = rows({20: [54], 56: [76]}, {})
    *_, between = compare(GUESS, given, sorted(CLASSES))
    assert between.found == "between the two" and "read from the paper's figure" in between.note
    *_, between = compare(GUESS, given, ["blue", "red"])  # the figure says nothing of these
    assert between.found is None and between.right is None


def test_what_nobody_measured_is_not_invented() -> None:
    *_, between = compare(GUESS | {"depth": 38}, rows({20: [54], 56: [76]}, {}))
    assert between.found is None and between.right is None and "20, 38, 56" in between.note


@pytest.mark.parametrize("wrong", [{"depth": 35}, {"depth": "44"}, {"place": "?"}, {"place": []}])
def test_35_layers_are_refused_with_the_reason(wrong: dict) -> None:
    with pytest.raises(UserError, match=r"6n \+ 2"):
        compare(GUESS | wrong, [])


def test_what_is_asked_fits_the_lab() -> None:
    asked = questions(rows({20: [None], 32: [None], 56: [None]}, {}))
    assert asked["plain"] == asked["residual"] == ["20 layers", "56 layers", EQUAL]
    assert asked["chosen"] == 32
    refused = [one["depth"] for one in asked["depths"] if one["why_not"]]
    assert refused == [35] and "6n + 2" in asked["note"]
    assert questions([])["plain"] == [EQUAL]
