import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.decisions import Basis, Claim, Decision, RateState, decide_fixed_window, in_order, refusing
from limits.core.policies import Mode, WithoutRedis
from limits.core.rates import Rate
from tests.limits.making import policy

PER_MINUTE = Rate(5, 60)
PER_HOUR = Rate(50, 3_600)
CLIENT = "203.0.113.9"


def counted(count: int, rest_milliseconds: int = 30_000, *, rate: Rate = PER_MINUTE) -> Decision:
    return decide_fixed_window(policy("login", rate), client=CLIENT, count=count, rest_milliseconds=rest_milliseconds)


def state(retry_milliseconds: int, *, rate: Rate = PER_MINUTE, remaining: int = 0) -> RateState:
    return RateState(rate, remaining, reset_milliseconds=60_000, retry_milliseconds=retry_milliseconds)


REFUSED, LET_THROUGH = (state(30_000),), (state(0, remaining=4),)


@pytest.mark.parametrize(("count", "allowed"), [(1, True), (5, True), (6, False), (1_000, False)])
def test_a_count_above_the_limit_is_refused(count: int, allowed: bool) -> None:
    assert counted(count).allowed is allowed


@pytest.mark.parametrize(("count", "remaining"), [(1, 4), (4, 1), (5, 0), (6, 0), (1_000, 0)])
def test_remaining_requests_never_fall_below_none(count: int, remaining: int) -> None:
    assert counted(count).states[0].remaining == remaining


@pytest.mark.parametrize(
    ("rest_milliseconds", "seconds"),
    [(60_000, 60), (59_001, 60), (59_000, 59), (1_001, 2), (1, 1), (0, 1), (-1, 1), (-2, 1), (61_000, 60)],
)
def test_a_window_ends_after_whole_seconds_within_the_window(rest_milliseconds: int, seconds: int) -> None:
    decision = counted(6, rest_milliseconds)
    assert decision.retry_after_seconds == seconds
    assert decision.seconds_left(decision.states[0].reset_milliseconds) == seconds


def test_a_lowered_limit_judges_the_count_that_was_there() -> None:
    assert counted(20, rate=Rate(50, 60)).allowed
    assert not counted(20, rate=Rate(10, 60)).allowed


@given(st.integers(0, 10**9), st.integers(-(10**9), 10**12), st.integers(1, 10**7), st.integers(1, 31 * 86_400))
def test_the_numbers_of_a_state_stay_in_bounds(count: int, rest: int, limit: int, window_seconds: int) -> None:
    (found,) = counted(count, rest, rate=Rate(limit, window_seconds)).states
    assert 0 <= found.remaining <= limit
    assert 1 <= found.reset_milliseconds <= window_seconds * 1_000
    assert not (found.refused and found.remaining)


def test_the_longest_wait_of_the_rates_that_refuse_counts() -> None:
    states = (state(0, rate=Rate(200, 86_400)), state(1_800_000, rate=PER_HOUR), state(30_000))
    decision = Decision(policy("login", Rate(200, 86_400), PER_HOUR, PER_MINUTE), CLIENT, states)
    assert [found.refused for found in decision.states] == [False, True, True]
    assert decision.retry_after_seconds == 1_800


def test_an_allowed_request_has_nothing_to_wait_for() -> None:
    assert counted(5).retry_after_seconds == 0


def test_a_penalty_refuses_whatever_the_rates_say() -> None:
    decision = Decision(policy(penalty_seconds=300), CLIENT, LET_THROUGH, wait_milliseconds=250_001)
    assert not decision.allowed
    assert decision.retry_after_seconds == 251


def test_a_wait_longer_than_the_penalty_counts() -> None:
    assert Decision(policy(penalty_seconds=5), CLIENT, REFUSED, wait_milliseconds=4_000).retry_after_seconds == 30


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.OFF])
def test_what_is_not_enforced_is_over_and_refuses_nobody(mode: Mode) -> None:
    decision = Decision(policy(mode=mode), CLIENT, REFUSED, wait_milliseconds=9_000)
    assert decision.over
    assert decision.allowed
    assert decision.retry_after_seconds == 0


@pytest.mark.parametrize(
    ("without_redis", "allowed", "seconds"),
    [(WithoutRedis.ALLOW, True, 0), (WithoutRedis.COUNT_HERE, True, 0), (WithoutRedis.REFUSE, False, 2)],
)
def test_the_policy_says_what_holds_for_what_could_not_be_counted(
    without_redis: WithoutRedis, allowed: bool, seconds: int
) -> None:
    decision = Decision(policy(without_redis=without_redis), CLIENT, basis=Basis.UNCOUNTED)
    assert decision.allowed is allowed
    assert decision.retry_after_seconds == seconds


def test_a_policy_in_shadow_refuses_nobody_without_redis_either() -> None:
    shadow = policy(mode=Mode.SHADOW, without_redis=WithoutRedis.REFUSE)
    assert Decision(shadow, CLIENT, basis=Basis.UNCOUNTED).allowed


@pytest.mark.parametrize(("age_milliseconds", "seconds"), [(0, 30), (999, 30), (1_000, 29), (29_999, 1), (90_000, 1)])
def test_a_remembered_refusal_tells_what_is_left_now(age_milliseconds: int, seconds: int) -> None:
    decision = Decision(policy(), CLIENT, REFUSED, age_milliseconds=age_milliseconds)
    assert decision.retry_after_seconds == seconds


def test_what_was_looked_at_is_what_is_charged() -> None:
    charged = policy()
    assert Decision(charged, CLIENT, cost=3).claim == Claim(charged, CLIENT, 3)


def test_nobody_tells_where_nothing_refuses() -> None:
    assert refusing([]) is None
    assert refusing([counted(1), Decision(policy(mode=Mode.SHADOW), CLIENT, REFUSED)]) is None


def test_of_several_that_refuse_the_highest_priority_tells() -> None:
    long = Decision(policy("long"), CLIENT, (state(50_000),))
    important = Decision(policy("important", priority=1), CLIENT, (state(10_000),))
    let_through = Decision(policy("other", priority=9), CLIENT, LET_THROUGH)
    assert refusing([long, let_through, important]) is important


def test_of_equal_priority_the_longest_wait_tells() -> None:
    short, long = (Decision(policy(), CLIENT, (state(wait),)) for wait in (10_000, 50_000))
    assert refusing([short, long]) is long


def test_policies_are_looked_at_by_priority_then_by_name() -> None:
    some = [policy("b"), policy("c", priority=-1), policy("a"), policy("z", priority=5)]
    assert [found.slug for found in in_order(some)] == ["z", "a", "b", "c"]
