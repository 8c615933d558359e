"""The verdict follows from the numbers alone."""

import itertools
from dataclasses import replace

import pytest

from resnet_demo.lab import verdict as module
from resnet_demo.lab.summary import Row, interval, table
from resnet_demo.lab.verdict import NOT_SHOWN, OPPOSITE, SHOWN, Finding


def rows(plain: dict[int, list[float]], residual: dict[int, list[float]]) -> list[Row]:
    """{depth: [training error of seed 0, 1, ...]} -> rows."""
    return [
        Row(
            run="", arch=f"{'resnet' if kind else 'plain'}{depth}", depth=depth, residual=kind,
            seed=seed, state="finished", epoch=1, train_error=error, val_error=error,
            params=1000 * depth, num_train=10_000, num_val=2_000,
        )
        for kind, errors in ((False, plain), (True, residual))
        for depth, found in errors.items()
        for seed, error in enumerate(found)
    ]  # fmt: skip


def verdict(given: list[Row], one_seed: float = 10.0) -> list[Finding]:
    """As of `quick`, unless told otherwise."""
    return module.verdict(given, one_seed)


CASES = {
    "reproduced": (
        rows({20: [10, 11, 10.5], 56: [14, 15, 14.4]}, {20: [8, 8.4, 8.1], 56: [7, 7.6, 7.2]}),
        (SHOWN, SHOWN),
    ),
    "half reproduced: residual networks are hurt too, but less": (
        rows({20: [54], 56: [76]}, {20: [44], 56: [57]}),
        (SHOWN, NOT_SHOWN),
    ),
    "the opposite: depth helps plain and hurts residual networks": (
        rows({20: [14, 15, 14.4], 56: [10, 11, 10.3]}, {20: [7, 7.5, 7.2], 56: [12, 12.6, 12.3]}),
        (OPPOSITE, OPPOSITE),
    ),
    "too few seeds: one seed, a small gap": (
        rows({20: [50], 56: [56]}, {20: [40], 56: [40.5]}),
        (NOT_SHOWN, NOT_SHOWN),
    ),
    "two seeds that disagree": (
        rows({20: [50, 50], 56: [51, 60]}, {20: [40, 40], 56: [39, 50]}),
        (NOT_SHOWN, NOT_SHOWN),
    ),
    "two seeds that agree": (
        rows({20: [50, 50], 56: [70, 74]}, {20: [40, 40], 56: [50, 52]}),
        (SHOWN, NOT_SHOWN),
    ),
    "plain networks of the greatest depth diverged": (
        rows({20: [10], 44: [25]}, {20: [10], 44: [20], 56: [40]}),
        (SHOWN, NOT_SHOWN),
    ),
    "residual within a point, three seeds": (
        rows({20: [10, 10, 10], 56: [14, 15, 16]}, {20: [8, 8, 8], 56: [8.6, 8.9, 9.1]}),
        (SHOWN, SHOWN),
    ),
    "residual over a point, three seeds": (
        rows({20: [10, 10, 10], 56: [14, 15, 16]}, {20: [8, 8, 8], 56: [9.2, 9.3, 9.4]}),
        (SHOWN, NOT_SHOWN),
    ),
    "one depth only": (rows({20: [10]}, {20: [8]}), (NOT_SHOWN, NOT_SHOWN)),
    "no plain networks": (rows({}, {20: [8, 8, 8], 56: [9.5, 9.4, 9.6]}), (NOT_SHOWN, NOT_SHOWN)),
    "nothing": ([], (NOT_SHOWN, NOT_SHOWN)),
}


@pytest.mark.parametrize("case", CASES)
def test_the_outcome_follows_from_the_rows(case: str) -> None:
    given, outcomes = CASES[case]
    assert tuple(finding.outcome for finding in verdict(given)) == outcomes


@pytest.mark.parametrize("case", CASES)
def test_the_order_of_rows_does_not_matter(case: str) -> None:
    given, _ = CASES[case]
    assert verdict(given) == verdict(given[::-1])


def test_the_words_carry_the_numbers() -> None:
    plain, residual = verdict(CASES["half reproduced: residual networks are hurt too, but less"][0])
    assert "76.0 %" in plain.why and "+22.0 points" in plain.why
    assert "one seed, others may differ by 10" in plain.why
    assert "take away 9.0 of the plain networks' 22.0 points" in residual.why


def test_depths_in_between_do_not_change_the_verdict() -> None:
    ends = ({20: [10, 10, 10], 56: [14, 15, 16]}, {20: [8, 8, 8], 56: [7, 7, 7.5]})
    more = [errors | {32: [99, 99, 99]} for errors in ends]
    assert [f.outcome for f in verdict(rows(*ends))] == [f.outcome for f in verdict(rows(*more))]


def test_seeds_are_compared_with_themselves() -> None:
    """A seed that only one end has says nothing of the difference."""
    given = rows({20: [10, 10, 10, 90], 56: [14, 15, 16]}, {20: [8], 56: [8]})
    assert "+5.0 points (95 % interval +2.5 to +7.5, 3 seeds)" in verdict(given)[0].why


def test_the_table_has_a_line_a_depth_with_its_gap() -> None:
    lines = table(rows({20: [54], 56: [76]}, {20: [44], 56: [57]}))
    assert [(line.depth, line.gap.mean) for line in lines] == [(20, 10), (56, 19)]
    assert lines[0].gap.low < 10 < lines[0].gap.high
    cell = lines[0].plain.train
    assert cell.low < cell.mean == 54 < cell.high and cell.seeds == 1


def test_a_missing_network_leaves_a_hole() -> None:
    given = rows({20: [54]}, {20: [44], 56: [57]})
    given[0] = replace(given[0], train_error=None, val_error=None)  # not trained yet
    lines = table(given)
    assert lines[0].plain.train is None and lines[0].gap is None
    assert lines[1].residual.train.mean == 57


def test_one_seed_of_the_papers_length_can_show_both_halves() -> None:
    """Errors as in the paper's figure 6, plain 4.5 to 10, residual 2.5 to 0.4 percent."""
    given = rows({20: [4.5], 56: [10.2]}, {20: [2.5], 56: [0.4]})
    assert [f.outcome for f in verdict(given, one_seed=2.0)] == [SHOWN, SHOWN]
    assert [f.outcome for f in verdict(given, one_seed=10.0)] == [NOT_SHOWN, NOT_SHOWN]


def test_the_gap_is_taken_seed_by_seed() -> None:
    (line,) = table(rows({20: [50, 60, 70]}, {20: [40, 51, 60.5]}))
    assert line.gap.mean == pytest.approx(9.5) and line.gap.seeds == 3
    assert line.gap.high - line.gap.low < 3  # though the errors differ by twenty


def test_the_interval_is_students() -> None:
    """Against a table: 3 values 1, 2, 3 have mean 2, s = 1, half width 4.303 / sqrt 3 = 2.484."""
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2 - 2.484, 2 + 2.484), abs=1e-3)
    for values in itertools.combinations((1.0, 4.0, 9.0, 16.0), 3):
        low, high = interval(list(values))
        assert low < sum(values) / 3 < high
