from typing import Any

import http_sf
from hypothesis import given
from hypothesis import strategies as st

from limits.core.decisions import Decision, decide
from limits.core.headers import header_fields
from limits.core.policies import SLUG_PATTERN
from limits.core.rates import Rate
from tests.limits.making import policy


def decided(slug: str, *states: tuple[int, int, int, int]) -> Decision:
    """Return the decision on (limit, window in seconds, count, rest in milliseconds) for each rate."""
    rates = [Rate(limit, window_seconds) for limit, window_seconds, _, _ in states]
    return decide(policy(slug, *rates), client="203.0.113.9", counted=[(count, rest) for *_, count, rest in states])


def parsed(field: str) -> list[tuple[str, dict[str, int]]]:
    """Return the name and the parameters of each item of a list."""
    items: Any = http_sf.parse(field.encode("ascii"), tltype="list")
    return list(items)


states = st.tuples(
    st.integers(1, 10_000_000), st.integers(1, 31 * 86_400), st.integers(0, 10**9), st.integers(-2, 10**10)
)
decisions = st.builds(
    lambda slug, states: decided(slug, *states),
    st.from_regex(SLUG_PATTERN, fullmatch=True),
    st.lists(states, min_size=1, max_size=4, unique_by=lambda state: state[1]),
) | st.just(Decision(policy(), "203.0.113.9", ()))


def test_an_allowed_request_is_told_what_it_has_left() -> None:
    assert header_fields([decided("login", (5, 60, 1, 60_000))]) == {
        "RateLimit-Policy": '"login";q=5;w=60',
        "RateLimit": '"login";r=4;t=60',
    }


def test_a_refused_request_is_told_when_to_come_back() -> None:
    assert header_fields([decided("login", (5, 60, 6, 41_001))]) == {
        "RateLimit-Policy": '"login";q=5;w=60',
        "RateLimit": '"login";r=0;t=42',
        "Retry-After": "42",
    }


def test_several_rates_are_named_by_their_windows() -> None:
    decision = decided("default", (200, 86_400, 51, 80_000_000), (50, 3_600, 51, 1_000_000))
    assert header_fields([decision]) == {
        "RateLimit-Policy": '"default-86400";q=200;w=86400, "default-3600";q=50;w=3600',
        "RateLimit": '"default-86400";r=149;t=80000, "default-3600";r=0;t=1000',
        "Retry-After": "1000",
    }


def test_every_policy_that_looked_has_its_item() -> None:
    fields = header_fields([decided("login", (5, 60, 6, 30_000)), decided("default", (50, 3_600, 51, 900_000))])
    assert [name for name, _ in parsed(fields["RateLimit"])] == ["login", "default"]
    assert fields["Retry-After"] == "900"


def test_what_could_not_be_counted_is_not_told() -> None:
    assert header_fields([]) == {}
    assert header_fields([Decision(policy(), "203.0.113.9", ())]) == {}


def test_a_counter_that_vanished_puts_no_impossible_number_into_a_field() -> None:
    assert header_fields([decided("login", (5, 60, 0, -2))])["RateLimit"] == '"login";r=5;t=1'


@given(st.lists(decisions, max_size=3))
def test_the_fields_are_structured_fields_within_their_bounds(made: list[Decision]) -> None:
    fields = header_fields(made)
    seen = [(decision, state) for decision in made for state in decision.states]
    if not seen:
        assert fields == {}
        return
    limits, quotas = parsed(fields["RateLimit"]), parsed(fields["RateLimit-Policy"])
    assert [name for name, _ in limits] == [name for name, _ in quotas]
    for (name, left), (_, quota), (decision, state) in zip(limits, quotas, seen, strict=True):
        several = len(decision.states) > 1
        assert name == (f"{decision.policy.slug}-{state.rate.window_seconds}" if several else decision.policy.slug)
        assert quota == {"q": state.rate.limit, "w": state.rate.window_seconds}
        assert left.keys() == {"r", "t"}
        assert 0 <= left["r"] <= quota["q"]
        assert 1 <= left["t"] <= quota["w"]


@given(st.lists(decisions, max_size=3))
def test_retry_after_is_the_longest_wait_of_what_refused(made: list[Decision]) -> None:
    waits = [state.reset_seconds for decision in made for state in decision.states if state.refused]
    expected = str(max(waits)) if waits else None
    assert header_fields(made).get("Retry-After") == expected
