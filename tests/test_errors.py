import pytest

from resnet_demo.errors import UserError, amount, require_one_of


@pytest.mark.parametrize(
    ("number", "words"), [(0, "0 pictures"), (1, "1 picture"), (9469, "9,469 pictures")]
)
def test_sentences_count_as_people_do(number: int, words: str) -> None:
    assert amount(number, "picture") == words


def test_a_choice_that_is_none_names_the_choices() -> None:
    with pytest.raises(UserError, match="There is no fruit 'stone'. Choose one of: fig, pear."):
        require_one_of("fruit", "stone", ("fig", "pear"))
    require_one_of("fruit", "fig", ("fig", "pear"))
