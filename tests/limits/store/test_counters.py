"""Counting in a real Redis, through the store."""

import threading
from dataclasses import replace

import pytest
import redis

from limits.core.decisions import Claim, Decision
from limits.core.policies import Algorithm, Mode, Policy
from limits.core.rates import Rate
from limits.store import counters
from tests.limits import making

Redis = redis.Redis
MINUTE, HOUR = Rate(3, 60), Rate(5, 3600)
DEFAULT = making.policy("default", HOUR, MINUTE)


def charge(*policies: Policy, client: str = "a", cost: int = 1) -> list[Decision]:
    return counters.charge([Claim(policy, client, cost) for policy in policies])


def remaining(decisions: list[Decision]) -> list[list[int]]:
    return [[state.remaining for state in decision.states] for decision in decisions]


def count(key: str = "rl:{login:a}:60", *, amount: int = 1, limit: int = 0) -> counters.Counted:
    return counters.count(key, amount=amount, window_milliseconds=60_000, limit=limit)


def test_a_count_and_its_expiry_are_set_in_one_step(redis_server: Redis) -> None:
    assert count() == (1, 60_000)
    assert 59_000 < redis_server.pttl("rl:{login:a}:60") <= 60_000


def test_a_window_begins_with_the_first_request_and_does_not_move(redis_server: Redis) -> None:
    count()
    redis_server.pexpire("rl:{login:a}:60", 10_000)
    counted, rest_milliseconds = count()
    assert counted == 2
    assert rest_milliseconds <= 10_000


def test_looking_at_a_counter_writes_nothing(redis_server: Redis) -> None:
    assert count(amount=0)[0] == 0
    assert redis_server.exists("rl:{login:a}:60") == 0


def test_a_refused_request_is_not_counted_unless_refusals_count(redis_server: Redis) -> None:
    assert [count(limit=2)[0] for _ in range(4)] == [1, 2, 3, 3]
    assert redis_server.get("rl:{login:a}:60") == b"2"
    assert [count(limit=0)[0] for _ in range(2)] == [3, 4]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_all_rates_are_charged_when_all_allow(redis_server: Redis, algorithm: Algorithm) -> None:
    policy = replace(DEFAULT, algorithm=algorithm)
    assert [remaining(charge(policy)) for _ in range(2)] == [[[4, 2]], [[3, 1]]]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_refusal_charges_none_of_the_rates(redis_server: Redis, algorithm: Algorithm) -> None:
    policy = replace(DEFAULT, algorithm=algorithm)
    for _ in range(3):
        charge(policy)
    for _ in range(4):
        (decision,) = charge(policy)
        assert (decision.allowed, remaining([decision])) == (False, [[2, 0]])
        assert [state.refused for state in decision.states] == [False, True]


def test_of_several_policies_one_that_refuses_leaves_the_others_uncharged(redis_server: Redis) -> None:
    tight, wide = making.policy("tight", Rate(1, 60)), making.policy("wide", Rate(9, 60))
    assert remaining(charge(wide, tight)) == [[8], [0] * 1]
    assert [decision.allowed for decision in charge(wide, tight)] == [True, False]
    assert remaining(charge(wide)) == [[7]]


def test_several_policies_are_one_round_trip(redis_server: Redis, round_trips: list[str]) -> None:
    several = (
        DEFAULT,
        making.policy("wide", Rate(9, 60)),
        making.policy("b", Rate(9, 1), algorithm=Algorithm.TOKEN_BUCKET),
    )
    # The first time a server is sent the script itself.
    charge(*several)
    round_trips.clear()
    charge(*several)
    assert round_trips == ["EVALSHA"]


def test_a_shadow_refuses_nobody_and_is_not_charged_for_what_it_would_refuse(redis_server: Redis) -> None:
    shadow = making.policy("shadow", Rate(1, 60), mode=Mode.SHADOW)
    decisions = [charge(shadow)[0] for _ in range(3)]
    assert [decision.allowed for decision in decisions] == [True] * 3
    assert [decision.over for decision in decisions] == [False, True, True]
    assert redis_server.get("rl:{shadow:a}:60") == b"1"


def test_a_penalty_refuses_although_the_window_has_ended(redis_server: Redis) -> None:
    policy = making.policy("login", Rate(1, 1), penalty_seconds=600)
    assert [charge(policy)[0].allowed for _ in range(2)] == [True, False]
    redis_server.delete("rl:{login:a}:1")
    (decision,) = charge(policy)
    assert not decision.allowed
    assert 590 < decision.retry_after_seconds <= 600


def test_a_cost_is_charged_at_once(redis_server: Redis) -> None:
    assert remaining(charge(DEFAULT, cost=2)) == [[3, 1]]
    assert not charge(DEFAULT, cost=2)[0].allowed
    assert charge(DEFAULT, cost=1)[0].allowed


@pytest.mark.parametrize("algorithm", Algorithm)
def test_what_is_given_back_can_be_used_again(redis_server: Redis, algorithm: Algorithm) -> None:
    policy = replace(DEFAULT, algorithm=algorithm)
    charge(policy, cost=3)
    counters.give_back([(Claim(policy, "a", 2), 0)])
    assert remaining(charge(policy)) == [[3, 1]]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_hundred_requests_at_once_never_pass_the_limit(redis_server: Redis, algorithm: Algorithm) -> None:
    policy = making.policy("default", Rate(10, 86_400), Rate(50, 10 * 86_400), algorithm=algorithm)
    allowed = []

    def ask() -> None:
        for _ in range(25):
            allowed.append(charge(policy)[0].allowed)

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert allowed.count(True) == 10
