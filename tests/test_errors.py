import pytest

from resnet_demo.errors import UserError, amount, duration, require_one_of


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 pictures"), (1, "1 picture"), (9469, "9,469 pictures")]
)
def test_sentences_count_as_people_do(number: int, words: str) -> None:
    assert amount(number, "picture") == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.7, "1 second"), (90, "90 seconds"), (240, "4.0 minutes"), (840, "14 minutes"),
        (9000, "2.5 hours"), (200_000, "2.3 days"),
    ],
)  # fmt: skip
def test_times_are_told_in_the_unit_that_people_would_take(seconds: float, words: str) -> None:
    assert duration(seconds) == words


def test_a_choice_that_is_none_names_the_choices() -> None:
    with pytest.raises(UserError, match="There is no fruit 'stone'. Choose one of: fig, pear."):
        require_one_of("fruit", "stone", ("fig", "pear"))
    require_one_of("fruit", "fig", ("fig", "pear"))
