import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.decisions import Decision, decide
from limits.core.rates import Rate
from tests.limits.making import policy

PER_MINUTE = Rate(5, 60)
PER_HOUR = Rate(50, 3_600)


def decided(*counted: tuple[int, int], rates: tuple[Rate, ...] = (PER_MINUTE,)) -> Decision:
    return decide(policy("login", *rates), client="203.0.113.9", counted=list(counted))


@pytest.mark.parametrize(("count", "allowed"), [(1, True), (5, True), (6, False), (1_000, False)])
def test_a_count_above_the_limit_is_refused(count: int, allowed: bool) -> None:
    assert decided((count, 1_000)).allowed is allowed


@pytest.mark.parametrize(("count", "remaining"), [(1, 4), (4, 1), (5, 0), (6, 0), (1_000, 0)])
def test_remaining_requests_never_fall_below_none(count: int, remaining: int) -> None:
    assert decided((count, 1_000)).states[0].remaining == remaining


@pytest.mark.parametrize(
    ("rest_milliseconds", "seconds"),
    [(60_000, 60), (59_001, 60), (59_000, 59), (1_001, 2), (1, 1), (0, 1), (-1, 1), (-2, 1), (61_000, 60)],
)
def test_a_window_ends_after_whole_seconds_within_the_window(rest_milliseconds: int, seconds: int) -> None:
    assert decided((1, rest_milliseconds)).states[0].reset_seconds == seconds


def test_the_longest_wait_of_the_rates_that_refuse_counts() -> None:
    rates = (Rate(200, 86_400), PER_HOUR, PER_MINUTE)
    decision = decided((10, 80_000_000), (51, 1_800_000), (6, 30_000), rates=rates)
    assert [state.refused for state in decision.states] == [False, True, True]
    assert decision.retry_after_seconds == 1_800


def test_an_allowed_request_has_nothing_to_wait_for() -> None:
    assert decided((5, 30_000)).retry_after_seconds == 0


def test_one_rate_that_refuses_is_enough() -> None:
    assert not decided((7, 3_000_000), (6, 30_000), rates=(PER_HOUR, PER_MINUTE)).allowed


def test_what_could_not_be_counted_is_let_through() -> None:
    decision = Decision(policy(), "203.0.113.9", ())
    assert decision.allowed
    assert decision.retry_after_seconds == 0


def test_a_lowered_limit_judges_the_count_that_was_there() -> None:
    assert decided((20, 1_000), rates=(Rate(50, 60),)).allowed
    assert not decided((20, 1_000), rates=(Rate(10, 60),)).allowed


def test_a_count_for_each_rate_is_needed() -> None:
    with pytest.raises(ValueError, match="shorter"):
        decided((1, 1_000), rates=(PER_HOUR, PER_MINUTE))


@given(st.integers(0, 10**9), st.integers(-(10**9), 10**12), st.integers(1, 10**7), st.integers(1, 31 * 86_400))
def test_the_numbers_of_a_state_stay_in_bounds(count: int, rest: int, limit: int, window_seconds: int) -> None:
    (state,) = decided((count, rest), rates=(Rate(limit, window_seconds),)).states
    assert 0 <= state.remaining <= limit
    assert 1 <= state.reset_seconds <= window_seconds
    assert not (state.refused and state.remaining)
