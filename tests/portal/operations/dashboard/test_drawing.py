"""What is drawn stays within the drawing, keeps its order, and shows a gap as a gap."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.dashboard.drawing import (
    HEIGHT,
    LEAST_HEIGHT,
    WIDTH,
    Frame,
    Mark,
    columns,
    equal_columns,
    filled,
    grid,
    line,
    stacked,
    unbroken,
)

BEGINS = datetime(2026, 11, 29, tzinfo=UTC)
FRAME = Frame(BEGINS, ends=BEGINS + timedelta(hours=1), top=100)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")

marks = st.lists(
    st.builds(
        lambda second, amount, breaks: Mark(BEGINS + timedelta(seconds=second), amount, breaks=breaks),
        st.integers(min_value=-600, max_value=4200),
        st.none() | st.floats(min_value=0, max_value=1e12),
        st.booleans(),
    ),
    max_size=30,
    unique_by=lambda mark: mark.at,
).map(lambda found: sorted(found, key=lambda mark: mark.at))
rows = st.integers(min_value=1, max_value=7).flatmap(
    lambda series: st.lists(
        st.lists(st.integers(min_value=0, max_value=10**9), min_size=series, max_size=series), max_size=60
    )
)


def places(path: str) -> list[tuple[float, float]]:
    """Return the ends of the strokes of a line."""
    return [(float(x), float(y)) for x, y in (NUMBER.findall(end) for end in re.split("[ML]", path)[1:])]


@given(marks)
def test_a_line_stays_within_and_goes_to_the_right(found: list[Mark]) -> None:
    ends = places(line(found, frame=FRAME))
    assert all(0 <= x <= WIDTH and 0 <= y <= HEIGHT for x, y in ends)
    assert [x for x, _ in ends] == sorted(x for x, _ in ends)


@given(marks)
def test_a_line_goes_through_every_known_mark_and_no_other(found: list[Mark]) -> None:
    known = [(FRAME.x(mark.at), FRAME.y(mark.amount)) for mark in found if mark.amount is not None]
    assert dict.fromkeys(places(line(found, frame=FRAME))) == dict.fromkeys(known)


@given(marks)
def test_no_line_leads_across_a_gap(found: list[Mark]) -> None:
    runs = unbroken(found)
    assert line(found, frame=FRAME).count("M") == len(runs)
    assert [mark for run in runs for mark in run] == [mark for mark in found if mark.amount is not None]
    assert not any(mark.breaks for run in runs for mark in run[1:])
    assert filled(found, frame=FRAME).count("Z") == sum(len(run) > 1 for run in runs)


def test_a_mark_alone_is_a_dot() -> None:
    assert line([Mark(BEGINS, 50)], frame=FRAME) == "M0.0 50.0L0.0 50.0"


def test_an_unknown_amount_breaks_a_line() -> None:
    minute = timedelta(minutes=1)
    found = [Mark(BEGINS, 0), Mark(BEGINS + minute, 0), Mark(BEGINS + 2 * minute, None), Mark(BEGINS + 3 * minute, 0)]
    assert line(found, frame=FRAME) == "M0.0 100.0L16.67 100.0M50.0 100.0L50.0 100.0"


@given(marks)
def test_columns_cover_the_drawing_side_by_side(found: list[Mark]) -> None:
    stretches = columns([mark.at for mark in found], frame=FRAME)
    assert len(stretches) == len(found)
    assert sum(stretch.width for stretch in stretches) == pytest.approx(WIDTH if found else 0, abs=1)
    assert all(stretch.width >= 0 for stretch in stretches)


@given(rows)
def test_bars_stay_within_and_their_pieces_lie_on_each_other(found: list[list[int]]) -> None:
    bars = stacked(found, top=max([1, *map(sum, found)]))
    assert [bar.x for bar in bars] == sorted(bar.x for bar in bars)
    for bar, row in zip(bars, found, strict=True):
        assert 0 <= bar.x <= bar.x + bar.width <= WIDTH + 0.1
        assert [piece.series for piece in bar.pieces] == [number for number, amount in enumerate(row) if amount]
        ground = float(HEIGHT)
        for piece in bar.pieces:
            assert piece.y >= -0.01
            assert piece.y + piece.height == pytest.approx(ground, abs=0.03)
            ground = piece.y


@given(st.integers(min_value=1, max_value=10**9))
def test_a_bar_is_as_high_as_its_share_and_never_too_low_to_be_seen(amount: int) -> None:
    ((piece,),) = (bar.pieces for bar in stacked([[amount]], top=10**9))
    assert piece.height == pytest.approx(max(LEAST_HEIGHT, HEIGHT * amount / 10**9), abs=0.01)


def test_the_grid_has_a_line_at_each_tick() -> None:
    assert grid(3) == "M0 0.0H1000M0 50.0H1000M0 100.0H1000"
    assert [column.x for column in equal_columns(4)] == [0, 250, 500, 750]
