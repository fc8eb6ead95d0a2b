"""`limits.hit`, for code that has no request."""

import asyncio

import pytest
import redis

import limits
from limits.core.client_keys import parse_client_key
from limits.core.decisions import Basis
from limits.core.overrides import Effect
from limits.core.policies import Algorithm, Mode, WithoutRedis
from limits.core.rates import Rate
from limits.hits import ahit
from limits.tallies import tallies
from tests.limits import making

Redis = redis.Redis
MAILS = making.policy("mails", Rate(2, 60))


def allowed(client: str, *, times: int = 1, slug: str = "mails", cost: int | None = None) -> list[bool]:
    decisions = [limits.hit(slug, client, cost=cost) for _ in range(times)]
    assert None not in decisions
    return [decision.allowed for decision in decisions if decision]


def test_the_third_hit_is_refused_and_told_when_to_come_back(redis_server: Redis) -> None:
    making.put_in_force(MAILS)
    assert allowed("203.0.113.9", times=3) == [True, True, False]
    refused = limits.hit("mails", "203.0.113.9")
    assert refused is not None
    assert 58 <= refused.retry_after_seconds <= 60
    assert allowed("203.0.113.10") == [True]


def test_hits_and_requests_are_one_count(redis_server: Redis) -> None:
    making.put_in_force(MAILS)
    assert allowed("203.0.113.9") == [True]
    decision = limits.check(making.request(), "mails")
    assert decision is not None
    assert decision.states[0].remaining == 0
    assert allowed("203.0.113.9") == [False]


@pytest.mark.parametrize(
    ("key", "client", "counted_as"),
    [
        ("ip", "::ffff:203.0.113.9", "203.0.113.9"),
        ("ip", "2001:db8:1:2::7", "2001:db8:1:2::"),
        ("user", "17", "user=17"),
        ("user", "203.0.113.9", "user=@203.0.113.9"),
        ("everyone", "whoever", "everyone"),
    ],
)
def test_a_client_is_written_as_people_would(redis_server: Redis, key: str, client: str, counted_as: str) -> None:
    making.put_in_force(making.policy("mails", Rate(2, 60), key=parse_client_key(key)))
    allowed(client)
    assert redis_server.keys("*") == [f"rl:{{mails:{counted_as}}}:60".encode()]


def test_what_was_typed_is_hashed(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", Rate(1, 60), key=parse_client_key("field:email")))
    assert [*allowed("Alice@example.org"), *allowed(" alice@example.org ")] == [True, False]
    assert b"alice" not in redis_server.keys("*")[0].lower()


def test_a_hit_may_cost_more_or_nothing(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", Rate(5, 60), cost=2))
    hits = [*allowed("a"), *allowed("a", cost=3), *allowed("a", cost=0), *allowed("a", cost=1)]
    assert hits == [True, True, True, False]


def test_methods_are_not_looked_at(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", Rate(1, 60), methods=("POST",)))
    assert allowed("a", times=2) == [True, False]


@pytest.mark.parametrize("algorithm", Algorithm)
def test_every_algorithm_counts(redis_server: Redis, algorithm: Algorithm) -> None:
    making.put_in_force(making.policy("mails", Rate(9, 3600), Rate(2, 60), algorithm=algorithm))
    assert allowed("a", times=3) == [True, True, False]


def test_an_unknown_policy_or_one_that_is_off_decides_nothing(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", mode=Mode.OFF))
    assert limits.hit("mails", "a") is None
    assert limits.hit("no-such-policy", "a") is None


def test_a_shadow_allows_all(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", Rate(1, 60), mode=Mode.SHADOW))
    assert allowed("a", times=3) == [True] * 3


@pytest.mark.usefixtures("clock")
def test_one_round_trip_and_none_for_a_known_refusal(redis_server: Redis, round_trips: list[str]) -> None:
    making.put_in_force(MAILS)
    allowed("203.0.113.9")
    round_trips.clear()
    allowed("203.0.113.9", times=5)
    assert round_trips == ["EVALSHA", "EVALSHA"]


@pytest.mark.parametrize(
    ("effect", "basis", "expected"),
    [(Effect.EXEMPT, Basis.EXEMPT, [True] * 4), (Effect.DENIED, Basis.DENIED_FOR_GOOD, [False] * 4)],
)
def test_who_is_exempt_or_denied_is_not_counted(
    redis_server: Redis, effect: Effect, basis: Basis, expected: list[bool]
) -> None:
    making.put_in_force(MAILS)
    making.put_override_in_force("203.0.113.0/24", effect)
    assert allowed("203.0.113.9", times=4) == expected
    decision = limits.hit("mails", "203.0.113.9")
    assert decision is not None
    assert decision.basis is basis
    assert redis_server.keys("*") == []
    assert allowed("198.51.100.1", times=3) == [True, True, False]


def test_a_user_with_other_rates_has_those(redis_server: Redis) -> None:
    making.put_in_force(making.policy("mails", Rate(1, 60), key=parse_client_key("user")))
    making.put_override_in_force("user=17", Effect.RATES, Rate(3, 60))
    assert allowed("17", times=4) == [True, True, True, False]
    assert allowed("18", times=2) == [True, False]


@pytest.mark.parametrize(
    ("without_redis", "expected"),
    [
        (WithoutRedis.ALLOW, [True, True, True]),
        (WithoutRedis.REFUSE, [False, False, False]),
        (WithoutRedis.COUNT_HERE, [True, False, False]),
    ],
)
def test_without_redis_holds_what_the_policy_says(without_redis: WithoutRedis, expected: list[bool]) -> None:
    # Two processes share the limit.
    making.put_in_force(making.policy("mails", Rate(2, 60), without_redis=without_redis))
    assert allowed("a", times=3) == expected


def test_hits_are_tallied(redis_server: Redis) -> None:
    making.put_in_force(MAILS)
    allowed("203.0.113.9", times=3)
    noted = tallies.take()
    (rows,) = noted.minutes.values()
    assert sum(rows["mails"]) == 3
    assert [refusal.client for refusal in noted.refusals] == ["203.0.113.9"]


def test_async_code_may_hit(redis_server: Redis) -> None:
    making.put_in_force(MAILS)

    async def hit() -> list[bool]:
        return [decision.allowed for _ in range(3) if (decision := await ahit("mails", "203.0.113.9"))]

    assert asyncio.run(hit()) == [True, True, False]
