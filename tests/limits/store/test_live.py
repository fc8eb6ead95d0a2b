"""Live counters: what is found, how fast, how gently, and what is forgotten."""

import pytest
import redis

from limits.core import keys
from limits.core.decisions import Claim
from limits.core.policies import Algorithm, Policy
from limits.core.rates import Rate
from limits.exceptions import StoreUnavailable
from limits.store import counters, documents, live
from tests.limits import making

ALGORITHMS = tuple(Algorithm)
HOUR, MINUTE = Rate(50, 3600), Rate(5, 60)


def charge(policy: Policy, client: str, *, cost: int = 1) -> None:
    counters.charge([Claim(policy, client, cost)])


def of_client(policy: Policy, client: str) -> live.LiveClient:
    return live.read([(policy, client)])[0]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_each_way_to_count_shows_what_is_used_and_for_how_long(redis_server: redis.Redis, algorithm: Algorithm) -> None:
    policy = making.policy("login", HOUR, MINUTE, algorithm=algorithm)
    for _ in range(5):
        charge(policy, "203.0.113.9")
    shown = of_client(policy, "203.0.113.9")
    assert [(usage.rate, usage.used) for usage in shown.usages] == [(HOUR, 5), (MINUTE, 5)]
    an_hour, a_minute = shown.usages
    assert 0 < a_minute.rest_milliseconds <= 120_000
    assert an_hour.wait_milliseconds == 0
    assert 0 < a_minute.wait_milliseconds <= 120_000
    assert shown.share == 1
    assert live.sample(policy).clients == ("203.0.113.9",)


def test_a_bucket_s_capacity_is_its_burst(redis_server: redis.Redis) -> None:
    policy = making.policy("login", Rate(5, 60, burst=20), algorithm=Algorithm.TOKEN_BUCKET)
    charge(policy, "a", cost=10)
    (usage,) = of_client(policy, "a").usages
    assert (usage.used, usage.capacity, usage.wait_milliseconds) == (10, 20, 0)


def test_a_limit_that_was_lowered_shows_more_than_all_of_it(redis_server: redis.Redis) -> None:
    charge(making.policy("login", MINUTE), "a", cost=4)
    (usage,) = of_client(making.policy("login", Rate(2, 60)), "a").usages
    assert (usage.used, usage.capacity, usage.share) == (4, 2, 2.0)


def test_a_penalty_is_shown_and_stands_first(redis_server: redis.Redis) -> None:
    policy = making.policy("login", Rate(2, 60), penalty_seconds=600)
    for client, times in (("a", 2), ("b", 3)):
        for _ in range(times):
            charge(policy, client)
    redis_server.delete("rl:{login:b}:60")
    assert live.sample(policy).clients == ("b", "a")
    penalised = of_client(policy, "b")
    assert penalised.usages == ()
    assert 0 < penalised.penalty_milliseconds <= 600_000
    assert of_client(making.policy("login", Rate(2, 60)), "b").penalty_milliseconds == 0


def test_those_who_have_used_most_come_first(redis_server: redis.Redis) -> None:
    policy = making.policy("login", HOUR, MINUTE)
    for client, cost in (("a", 2), ("b", 5), ("c", 1), ("d", 4)):
        charge(policy, client, cost=cost)
    found = live.sample(policy, most=3)
    assert found.clients == ("b", "d", "a")
    assert (found.counters, found.has_more, found.is_part, found.percent) == (8, True, False, 100)


def test_clients_with_other_rates_are_found(redis_server: redis.Redis) -> None:
    other = Rate(100, 7200)
    policy = making.policy("login", MINUTE)
    charge(making.policy("login", other), "a", cost=30)
    assert live.sample(policy).clients == ()
    assert live.sample(policy, other_rates=[other]).clients == ("a",)


def test_other_policies_and_strange_keys_are_left_alone(redis_server: redis.Redis) -> None:
    policy = making.policy("login", MINUTE, penalty_seconds=60)
    charge(making.policy("login-2", MINUTE), "a")
    redis_server.hset("rl:{login:hash}:60", "a", 1)
    redis_server.set("rl:{login:text}:60", "text")
    redis_server.set("rl:{login:forever}:60", "9")
    redis_server.set("rl:{login:earlier}:61", "1", ex=60)
    redis_server.set("rl:{login}", "1")
    assert {name for name in live.sample(policy).clients if of_client(policy, name).is_counted} == set()
    assert not of_client(policy, "hash").is_counted


def test_one_client_is_found_by_name_in_two_round_trips(redis_server: redis.Redis, round_trips: list[str]) -> None:
    policy = making.policy("login", HOUR, MINUTE)
    charge(policy, "*")
    charge(policy, "a")
    of_client(policy, "*")
    round_trips.clear()
    assert len(of_client(policy, "*").usages) == 2
    assert len(round_trips) == 2
    assert "SCAN" not in round_trips


# Forgetting


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_forgetting_leaves_nothing_of_one_client_and_all_of_the_others(
    redis_server: redis.Redis, algorithm: Algorithm
) -> None:
    policy = making.policy("login", HOUR, MINUTE, algorithm=algorithm, penalty_seconds=60)
    for client in ("*", "ab"):
        for _ in range(6):
            charge(policy, client)
    windows = [(algorithm, 3600), (algorithm, 60), (algorithm, 7)]
    assert live.forget("login", client="*", windows=windows) == 3
    assert not of_client(policy, "*").is_counted
    assert live.sample(policy).clients == ("ab",)


def test_forgetting_tells_every_process(redis_server: redis.Redis, round_trips: list[str]) -> None:
    before = documents.look().epoch
    windows = [(Algorithm.FIXED_WINDOW, 60)]
    live.forget("login", client="b", windows=windows)
    round_trips.clear()
    assert live.forget("login", client="a", windows=windows) == 0
    assert round_trips == ["EVALSHA"]
    assert documents.look().epoch == str(int(before or 0) + 2)


def test_where_nobody_could_be_told_nothing_is_forgotten(redis_server: redis.Redis) -> None:
    charge(making.policy("login", MINUTE), "a")
    redis_server.hset(keys.POLICIES, "epoch", "no number")
    with pytest.raises(StoreUnavailable):
        live.forget("login", client="a", windows=[(Algorithm.FIXED_WINDOW, 60)])
    assert of_client(making.policy("login", MINUTE), "a").is_counted


def test_names_that_are_no_text_or_very_long_stop_nobody(redis_server: redis.Redis) -> None:
    policy = making.policy("login", MINUTE)
    charge(policy, "a")
    redis_server.set(b"rl:{login:\xff\xfe}:60", 3, ex=60)
    redis_server.set(f"rl:{{login:{'9' * 5_000}}}:60", 3, ex=60)
    found = live.sample(policy)
    assert "a" in found.clients
    assert [client.name for client in live.read([(policy, name) for name in found.clients]) if client.is_counted] == [
        "9" * 5_000,
        "a",
    ]


def test_a_redis_that_is_away_is_told() -> None:
    with pytest.raises(StoreUnavailable):
        live.sample(making.policy())
    with pytest.raises(StoreUnavailable):
        of_client(making.policy(), "a")
    with pytest.raises(StoreUnavailable):
        live.forget("login", client="a", windows=[(Algorithm.FIXED_WINDOW, 60)])


def test_names_are_those_that_requests_count_under() -> None:
    begin, rates = live._parts_of_names(making.policy("login", MINUTE, penalty_seconds=5), [MINUTE])
    name = keys.counter("login", client="203.0.113.9", window_seconds=60).encode()
    assert name == begin + b"203.0.113.9" + next(ending for ending, rate in rates.items() if rate)
