"""What `make bench` prints is what was measured."""

import pytest

from bench.report import Row, Table, at_least, at_most, ratio, summary


def test_a_ratio_is_taken_round_by_round_so_that_a_slow_round_weighs_on_neither_side() -> None:
    assert ratio([10, 100, 10], base=[20, 200, 20]) == 0.5
    assert ratio([10, 10, 10], base=[20, 200, 20]) == 0.5


def test_rounds_that_not_both_sides_took_are_no_ratio() -> None:
    with pytest.raises(ValueError, match="zip"):
        ratio([1, 2], base=[1])


@pytest.mark.parametrize(
    ("goal", "reached"),
    [
        (at_most(1.25, 1.25, unit="×"), True),
        (at_most(1.26, 1.25, unit="×"), False),
        (at_least(2.0, 2.0, unit="×"), True),
        (at_least(1.99, 2.0, unit="×"), False),
    ],
)
def test_a_goal_says_whether_it_was_reached(goal: object, reached: bool) -> None:
    assert str(goal).endswith(": yes" if reached else ": NO")


def test_the_summary_names_each_goal_that_was_missed_and_no_other() -> None:
    rows = [
        Row("swift", ("1",), [at_most(1, 2, unit="s")]),
        Row("slow", ("3",), [at_most(3, 2, unit="s")]),
    ]
    told = summary([Table("Speed", "by hand", ("s",), rows)])
    assert "Reached 1 of 2 goals." in told
    assert "slow: at most 2 s" in told
    assert "swift" not in told


def test_a_table_has_a_figure_for_every_column() -> None:
    with pytest.raises(ValueError, match="zip"):
        str(Table("Speed", "by hand", ("s", "×"), [Row("slow", ("3",))]))
