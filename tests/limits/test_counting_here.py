"""Counting in this process: its share of every limit, all of the claims or none."""

from dataclasses import replace
from typing import Any

import pytest

from limits import without_redis
from limits.core.decisions import Basis, Claim, Decision
from limits.core.policies import Algorithm, Mode, Policy, WithoutRedis
from limits.core.rates import Rate
from limits.enforcement import check, check_policies
from limits.hits import hit
from limits.without_redis import CountsHere, counts_here
from tests.conftest import Clock
from tests.limits import making

Settings = Any  # pytest-django's


@pytest.fixture
def here(clock: Clock) -> CountsHere:
    return CountsHere(clock=clock)


def charge(here: CountsHere, *policies: Policy, processes: int = 1, client: str = "a", cost: int = 1) -> bool:
    """Say whether a request under these policies is let through."""
    decisions = here.charge([Claim(policy, client, cost) for policy in policies], processes=processes)
    assert all(decision.basis is Basis.HERE for decision in decisions)
    return all(decision.allowed for decision in decisions)


def let_through(here: CountsHere, *policies: Policy, processes: int = 1, cost: int = 1) -> int:
    return sum(charge(here, *policies, processes=processes, cost=cost) for _ in range(30))


def counting_here(slug: str = "login", *rates: Rate, **changes: Any) -> Policy:
    return making.policy(slug, *rates, without_redis=WithoutRedis.COUNT_HERE, **changes)


# The share


@pytest.mark.parametrize("algorithm", Algorithm)
@pytest.mark.parametrize(("processes", "share"), [(1, 10), (2, 5), (3, 3), (4, 2), (10, 1), (64, 1)])
def test_each_process_has_its_share_and_one_at_least(
    algorithm: Algorithm, processes: int, share: int, here: CountsHere
) -> None:
    assert let_through(here, making.policy("login", Rate(10, 3600), algorithm=algorithm), processes=processes) == share


@pytest.mark.parametrize(("processes", "share"), [(1, 20), (3, 6), (64, 1)])
def test_a_burst_is_shared_too(processes: int, share: int, here: CountsHere) -> None:
    policy = making.policy("login", Rate(60, 86_400, burst=20), algorithm=Algorithm.TOKEN_BUCKET)
    assert let_through(here, policy, processes=processes) == share


def test_all_processes_together_never_let_more_through_than_the_limit(clock: Clock) -> None:
    policy = making.policy("login", Rate(10, 3600))
    assert sum(let_through(CountsHere(clock=clock), policy, processes=4) for _ in range(4)) <= 10


def test_a_cost_above_the_share_takes_all_of_it(here: CountsHere) -> None:
    policy = making.policy("login", Rate(10, 60))
    assert charge(here, policy, processes=4, cost=5)
    assert not charge(here, policy, processes=4, cost=1)


def test_the_decision_tells_the_share(here: CountsHere) -> None:
    (decision,) = here.charge([Claim(making.policy("login", Rate(10, 60)), "a")], processes=2)
    (state,) = decision.states
    assert (state.rate.limit, state.remaining, state.reset_milliseconds) == (5, 4, 60_000)


# The algorithms, by this process's clock


def test_a_fixed_window_ends(here: CountsHere, clock: Clock) -> None:
    policy = making.policy("login", Rate(3, 60))
    assert let_through(here, policy) == 3
    clock.now += 59.9
    assert let_through(here, policy) == 0
    clock.now += 0.2
    assert let_through(here, policy) == 3


def test_a_sliding_window_fades(here: CountsHere, clock: Clock) -> None:
    policy = making.policy("login", Rate(10, 100), algorithm=Algorithm.SLIDING_WINDOW)
    clock.now = 1099.0
    assert let_through(here, policy) == 10
    clock.now = 1150.0
    assert let_through(here, policy) == 5


def test_a_bucket_fills(here: CountsHere, clock: Clock) -> None:
    policy = making.policy("login", Rate(60, 60, burst=5), algorithm=Algorithm.TOKEN_BUCKET)
    assert let_through(here, policy) == 5
    clock.now += 3
    assert let_through(here, policy) == 3


def test_several_rates_hold_together(here: CountsHere, clock: Clock) -> None:
    policy = making.policy("login", Rate(5, 3600), Rate(3, 60))
    told = []
    for _ in range(3):
        told.append(let_through(here, policy))
        clock.now += 61
    assert told == [3, 2, 0]


def test_a_penalty_holds_after_its_window(here: CountsHere, clock: Clock) -> None:
    policy = making.policy("login", Rate(2, 10), penalty_seconds=60)
    assert let_through(here, policy) == 2
    clock.now += 30
    assert let_through(here, policy) == 0
    clock.now += 31
    assert let_through(here, policy) == 2


def test_refusals_count_when_the_policy_says_so(here: CountsHere) -> None:
    policy = making.policy("login", Rate(5, 60), refusals_count=True)
    let_through(here, policy)
    # A limit raised meanwhile finds what was refused counted.
    assert let_through(here, replace(policy, rates=(Rate(25, 60),))) == 0


def test_what_one_refuses_is_charged_to_none(here: CountsHere) -> None:
    narrow, wide = making.policy("narrow", Rate(2, 60)), making.policy("wide", Rate(5, 60))
    assert let_through(here, wide, narrow) == 2
    assert let_through(here, wide) == 3


def test_a_shadow_hinders_nobody(here: CountsHere) -> None:
    shadow, enforced = making.policy("tried", Rate(1, 60), mode=Mode.SHADOW), making.policy("login", Rate(4, 60))
    assert let_through(here, shadow, enforced) == 4


@pytest.mark.parametrize("algorithm", Algorithm)
def test_charges_are_given_back(algorithm: Algorithm, here: CountsHere) -> None:
    claim = Claim(making.policy("login", Rate(6, 3600), Rate(4, 600), algorithm=algorithm), "a")
    for _ in range(10):
        (decision,) = here.charge([claim], processes=2)
        assert decision.allowed
        here.give_back([(decision.claim, 0)])
    assert let_through(here, claim.policy, processes=2) == 2


# Memory


def test_memory_is_bounded_and_the_oldest_start_afresh(
    here: CountsHere, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(without_redis, "ENTRIES_MAX", 100)
    policy = making.policy("login", Rate(1, 3600))
    for number in range(1000):
        charge(here, policy, client=str(number))
        assert len(here) <= 100
    assert not charge(here, policy, client="999")
    assert charge(here, policy, client="0")


def test_what_has_ended_makes_room_first(here: CountsHere, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(without_redis, "ENTRIES_MAX", 100)
    long, short = making.policy("long", Rate(1, 3600)), making.policy("short", Rate(1, 1))
    for number in range(50):
        charge(here, long, client=str(number))
    for number in range(50):
        charge(here, short, client=str(number))
    clock.now += 2
    charge(here, short, client="another")
    assert len(here) == 51
    assert not charge(here, long, client="0")


# Through enforcement, with no Redis there


@pytest.fixture(autouse=True)
def in_one_process(settings: Settings) -> None:
    settings.LIMITS_PROCESSES = 1


def decisions(*policies: Policy) -> list[Decision]:
    return check_policies(making.request(), policies)


@pytest.mark.parametrize("algorithm", Algorithm)
def test_without_redis_a_policy_counts_here(algorithm: Algorithm, settings: Settings, clock: Clock) -> None:
    settings.LIMITS_PROCESSES = 2
    making.put_in_force(counting_here("login", Rate(6, 3600), algorithm=algorithm))
    told = [check(making.request(), "login") for _ in range(5)]
    assert [decision.allowed for decision in told if decision] == [True, True, True, False, False]


def test_a_client_without_a_request_is_counted_here_too() -> None:
    making.put_in_force(counting_here("mails", Rate(1, 3600)))
    told = [hit("mails", "alice@example.org") for _ in range(2)]
    assert [decision.allowed for decision in told if decision] == [True, False]


def test_with_one_that_refuses_nothing_is_charged_here() -> None:
    refuses = making.policy("refuses", Rate(5, 60), without_redis=WithoutRedis.REFUSE)
    here = counting_here("here", Rate(3, 60))
    for _ in range(5):
        told = decisions(here, refuses)
        assert [decision.policy.slug for decision in told] == ["here", "refuses"]
        assert [decision.allowed for decision in told] == [True, False]
    assert sum(decisions(here)[0].allowed for _ in range(5)) == 3


def test_with_one_that_allows_what_is_counted_here_decides() -> None:
    allows, here = making.policy("allows", Rate(5, 60)), counting_here("here", Rate(3, 60))
    told = [all(decision.allowed for decision in decisions(allows, here)) for _ in range(5)]
    assert told == [True, True, True, False, False]


def test_all_that_count_here_are_charged_or_none() -> None:
    narrow, wide = counting_here("narrow", Rate(2, 60)), counting_here("wide", Rate(5, 60))
    for _ in range(5):
        decisions(wide, narrow)
    assert sum(decisions(wide)[0].allowed for _ in range(10)) == 3


def test_a_shadow_that_would_refuse_hinders_nothing() -> None:
    shadow = making.policy("tried", Rate(5, 60), without_redis=WithoutRedis.REFUSE, mode=Mode.SHADOW)
    here = counting_here("here", Rate(2, 60))
    assert sum(all(decision.allowed for decision in decisions(shadow, here)) for _ in range(5)) == 2


def test_many_clients_hold_no_decision_up(clock: Clock) -> None:
    policy = counting_here("login", Rate(1, 3600))
    for number in range(without_redis.ENTRIES_MAX + 10):
        counts_here.charge([Claim(policy, str(number))], processes=1)
    assert len(counts_here) <= without_redis.ENTRIES_MAX
