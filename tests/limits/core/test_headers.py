from typing import Any

import http_sf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits.core.decisions import Basis, Decision, RateState
from limits.core.headers import header_fields
from limits.core.policies import SLUG_PATTERN, Mode, WithoutRedis
from limits.core.rates import Rate
from tests.limits.making import policy

CLIENT = "203.0.113.9"
LOGIN = Rate(5, 60)


def decided(slug: str, *states: RateState, **changes: Any) -> Decision:
    """Return the decision of a policy on these states."""
    return Decision(policy(slug, *(state.rate for state in states), **changes), CLIENT, states)


def parsed(field: str) -> list[tuple[str, dict[str, int]]]:
    """Return the name and the parameters of each item of a list."""
    items: Any = http_sf.parse(field.encode("ascii"), tltype="list")
    return list(items)


@st.composite
def rate_states(draw: st.DrawFn) -> RateState:
    rate = draw(st.builds(Rate, st.integers(1, 10**7), st.integers(1, 31 * 86_400), st.integers(0, 10**7)))
    milliseconds = st.integers(0, rate.window_seconds * 1_000)
    return RateState(rate, draw(st.integers(0, rate.capacity)), draw(milliseconds), draw(st.just(0) | milliseconds))


decisions = st.builds(
    lambda slug, states, mode, penalty: Decision(
        policy(slug, mode=mode), CLIENT, tuple(states), wait_milliseconds=penalty
    ),
    st.from_regex(SLUG_PATTERN, fullmatch=True),
    st.lists(rate_states(), max_size=4, unique_by=lambda state: state.rate.window_seconds),
    st.sampled_from(Mode),
    st.sampled_from([0, 0, 1_500]),
)


def test_an_allowed_request_is_told_what_it_has_left() -> None:
    assert header_fields([decided("login", RateState(LOGIN, 4, 60_000))]) == {
        "RateLimit-Policy": '"login";q=5;w=60',
        "RateLimit": '"login";r=4;t=60',
    }


def test_a_refused_request_is_told_when_to_come_back() -> None:
    assert header_fields([decided("login", RateState(LOGIN, 0, 55_000, 41_001))]) == {
        "RateLimit-Policy": '"login";q=5;w=60',
        "RateLimit": '"login";r=0;t=42',
        "Retry-After": "42",
    }


def test_several_rates_are_named_by_their_windows() -> None:
    day = RateState(Rate(200, 86_400), 149, 80_000_000)
    hour = RateState(Rate(50, 3_600), 0, 1_000_000, 1_000_000)
    assert header_fields([decided("default", day, hour)]) == {
        "RateLimit-Policy": '"default-86400";q=200;w=86400, "default-3600";q=50;w=3600',
        "RateLimit": '"default-86400";r=149;t=80000, "default-3600";r=0;t=1000',
        "Retry-After": "1000",
    }


def test_every_policy_that_looked_has_its_item() -> None:
    login = decided("login", RateState(LOGIN, 0, 60_000, 30_000))
    default = decided("default", RateState(Rate(50, 3_600), 0, 900_000, 900_000))
    fields = header_fields([login, default])
    assert [name for name, _ in parsed(fields["RateLimit"])] == ["login", "default"]
    assert fields["Retry-After"] == "900"


def test_a_rate_that_would_let_in_what_another_refuses_costs_nobody_a_thing() -> None:
    day, minute = RateState(Rate(200, 86_400), 150, 80_000_000), RateState(LOGIN, 3, 60_000, 20_000)
    assert header_fields([decided("login", day, minute)])["RateLimit"] == (
        '"login-86400";r=150;t=80000, "login-60";r=0;t=20'
    )


def test_who_has_a_penalty_has_nothing_left_and_comes_back_after_it() -> None:
    decision = Decision(policy(), CLIENT, (RateState(LOGIN, 5, 1_000),), wait_milliseconds=299_001)
    fields = header_fields([decision])
    assert fields["RateLimit"] == '"login";r=0;t=300'
    assert fields["Retry-After"] == "300"


def test_a_bucket_is_told_by_what_it_holds() -> None:
    bucket = Rate(10, 60, burst=20)
    assert header_fields([decided("login", RateState(bucket, 17, 18_000))]) == {
        "RateLimit-Policy": '"login";q=20;w=60',
        "RateLimit": '"login";r=17;t=18',
    }


@pytest.mark.parametrize("mode", [Mode.SHADOW, Mode.OFF])
def test_a_policy_that_is_not_enforced_tells_clients_nothing(mode: Mode) -> None:
    assert header_fields([decided("login", RateState(LOGIN, 0, 60_000, 30_000), mode=mode)]) == {}


def test_what_could_not_be_counted_is_not_told() -> None:
    assert header_fields([]) == {}
    assert header_fields([Decision(policy(), CLIENT, basis=Basis.UNCOUNTED)]) == {}


def test_what_is_refused_uncounted_is_told_when_to_come_back() -> None:
    refused = Decision(policy(without_redis=WithoutRedis.REFUSE), CLIENT, basis=Basis.UNCOUNTED)
    assert header_fields([refused]) == {"Retry-After": "2"}


def test_a_remembered_refusal_tells_what_is_left_now() -> None:
    remembered = Decision(policy(), CLIENT, (RateState(LOGIN, 0, 60_000, 30_000),), age_milliseconds=10_000)
    fields = header_fields([remembered])
    assert (fields["RateLimit"], fields["Retry-After"]) == ('"login";r=0;t=20', "20")


@given(st.lists(decisions, max_size=3))
def test_the_fields_are_structured_fields_within_their_bounds(made: list[Decision]) -> None:
    fields = header_fields(made)
    seen = [(found, state) for found in made if found.policy.mode is Mode.ENFORCE for state in found.states]
    if not seen:
        assert fields.keys() <= {"Retry-After"}
        return
    limits, quotas = parsed(fields["RateLimit"]), parsed(fields["RateLimit-Policy"])
    assert [name for name, _ in limits] == [name for name, _ in quotas]
    for (name, left), (_, quota), (found, state) in zip(limits, quotas, seen, strict=True):
        several = len(found.states) > 1
        assert name == (f"{found.policy.slug}-{state.rate.window_seconds}" if several else found.policy.slug)
        assert quota == {"q": state.rate.capacity, "w": state.rate.window_seconds}
        assert left.keys() == {"r", "t"}
        assert 0 <= left["r"] <= quota["q"]
        assert 1 <= left["t"] <= quota["w"]
        assert not (left["r"] and state.refused)


@given(st.lists(decisions, max_size=3))
def test_retry_after_is_the_longest_wait_of_what_refuses(made: list[Decision]) -> None:
    waits = [found.retry_after_seconds for found in made if not found.allowed]
    assert header_fields(made).get("Retry-After") == (str(max(waits)) if waits else None)
