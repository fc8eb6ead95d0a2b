"""Axes reach as far as they must and not much further, by steps that are round."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.dashboard.axes import STEPS_MAX, Axis, bytes_axis, counts_axis, round_moments, round_top

AMOUNTS = st.integers(min_value=0, max_value=10**15)
MOMENTS = st.datetimes(min_value=datetime(2000, 1, 1), max_value=datetime(2090, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001
STEPS = st.sampled_from([timedelta(minutes=15), timedelta(hours=6), timedelta(days=7)])
ZONES = st.sampled_from([ZoneInfo(name) for name in ("UTC", "Europe/Vienna", "America/St_Johns", "Asia/Kathmandu")])


@given(AMOUNTS)
def test_an_axis_covers_the_most_by_one_to_four_steps(most: int) -> None:
    for axis in (counts_axis(most), bytes_axis(most)):
        assert most <= axis.top < max(most, 1) + axis.step
        assert 1 <= axis.top // axis.step <= STEPS_MAX


@given(AMOUNTS)
def test_ticks_go_from_the_top_to_nothing_as_far_from_each_other(most: int) -> None:
    axis = counts_axis(most)
    assert (axis.ticks[0], axis.ticks[-1]) == (axis.top, 0)
    assert {above - below for above, below in zip(axis.ticks, axis.ticks[1:], strict=False)} == {axis.step}


@given(AMOUNTS)
def test_steps_of_counts_begin_with_1_2_or_5_and_steps_of_bytes_are_powers_of_two(most: int) -> None:
    assert str(counts_axis(most).step).rstrip("0") in {"1", "2", "5"}
    assert bytes_axis(most).step.bit_count() == 1


@pytest.mark.parametrize(
    ("most", "axis"),
    [(0, Axis(1, 1)), (3, Axis(3, 1)), (5, Axis(6, 2)), (23, Axis(30, 10)), (812, Axis(1000, 500))],
)
def test_axes_of_counts(most: int, axis: Axis) -> None:
    assert counts_axis(most) == axis


def test_a_limit_as_memory_is_bought_is_the_top() -> None:
    assert bytes_axis(64 * 2**20) == Axis(64 * 2**20, step=16 * 2**20)


@pytest.mark.parametrize(
    ("size", "kilo", "top"), [(0, 1024, 1), (501, 1024, 1024), (501, 1000, 1000), (3000, 1024, 5 * 1024)]
)
def test_round_tops(size: int, kilo: int, top: int) -> None:
    assert round_top(size, kilo=kilo) == top


@given(MOMENTS, STEPS, ZONES, st.integers(min_value=1, max_value=8))
def test_moments_lie_within_and_follow_each_other(
    begins: datetime, every: timedelta, zone: ZoneInfo, number: int
) -> None:
    ends = begins + number * every
    found = list(round_moments(begins, ends=ends, every=every, zone=zone))
    assert all(begins <= moment <= ends for moment in found)
    assert found == sorted(found)
    # An hour that a clock shows twice, or never, moves one across an end.
    assert number - 1 <= len(found) <= number + 2


@given(MOMENTS, ZONES)
def test_clocks_show_round_moments(begins: datetime, zone: ZoneInfo) -> None:
    found = round_moments(begins, ends=begins + timedelta(days=1), every=timedelta(hours=6), zone=zone)
    assert {(moment.astimezone(zone).minute) for moment in found} <= {0}


def test_weeks_begin_at_the_same_midnights_whenever_one_looks() -> None:
    every, zone = timedelta(days=7), ZoneInfo("Europe/Vienna")
    begins = datetime(2026, 11, 4, 13, tzinfo=UTC)
    found = set(round_moments(begins, ends=begins + timedelta(days=30), every=every, zone=zone))
    later = set(round_moments(begins + timedelta(days=2), ends=begins + timedelta(days=30), every=every, zone=zone))
    assert later <= found
    assert datetime(2026, 11, 14, 23, tzinfo=UTC) in found
