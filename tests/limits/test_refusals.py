"""Who is remembered as refused, and what undoes it."""

from dataclasses import replace

import pytest
import redis
from django.http import HttpResponse
from django.test import Client, RequestFactory

from limits import enforcement
from limits.core import keys, snapshots
from limits.core.decisions import Decision, RateState
from limits.core.overrides import Effect
from limits.core.policies import Algorithm, Counts, Mode, Policy
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.middleware import KnownRefusalsMiddleware
from limits.refusals import REFUSALS_MAX, Refusals, refusals
from limits.store import documents
from portal.accounts.models import User
from tests.conftest import Clock
from tests.limits import making

TIGHT = making.policy("login", Rate(1, 60))


def refused(policy: Policy, *, retry_seconds: int) -> Decision:
    """Return what Redis says of a client that comes too often."""
    state = RateState(policy.rates[0], 0, retry_seconds * 1000, retry_seconds * 1000)
    return Decision(policy, "a", (state,))


def ask(*, address: str = "203.0.113.9", cost: int | None = None) -> bool:
    decision = enforcement.check(making.request(address=address), "login", cost=cost)
    assert decision is not None
    return decision.allowed


@pytest.fixture
def in_force(redis_server: redis.Redis, clock: Clock) -> None:
    making.put_in_force(TIGHT)


@pytest.mark.usefixtures("in_force")
def test_a_second_refusal_asks_nothing(round_trips: list[str]) -> None:
    assert [ask(), ask()] == [True, False]
    round_trips.clear()
    assert not any(ask() for _ in range(50))
    assert [name for name in round_trips if name != "HMGET"] == []
    assert ask(address="203.0.113.10")


@pytest.mark.usefixtures("in_force")
def test_what_is_remembered_says_how_long_it_is_from_now(clock: Clock) -> None:
    ask(), ask()
    clock.now += 20.5
    decision = enforcement.check(making.request(), "login")
    assert decision is not None
    assert 39 <= decision.retry_after_seconds <= 40


@pytest.mark.usefixtures("in_force")
def test_when_its_moment_has_come_redis_is_asked(clock: Clock, redis_server: redis.Redis) -> None:
    ask(), ask()
    redis_server.delete("rl:{login:203.0.113.9}:60")
    clock.now += 59
    assert not ask()
    clock.now += 1.1
    assert ask()


def test_an_edited_policy_undoes_it_within_a_look(redis_server: redis.Redis, clock: Clock) -> None:
    first = snapshots.take([TIGHT], revision=1)
    documents.publish(first, seen="")
    assert [ask(), ask(), ask()] == [True, False, False]
    documents.publish(snapshots.take([replace(TIGHT, rates=(Rate(9, 60),))], revision=2), seen=first.version)
    clock.now += 0.25
    assert ask()


def test_a_client_who_is_forgiven_is_let_in_within_a_look(redis_server: redis.Redis, clock: Clock) -> None:
    documents.publish(snapshots.take([TIGHT], revision=1), seen="")
    assert [ask(), ask(), ask()] == [True, False, False]
    redis_server.delete("rl:{login:203.0.113.9}:60")
    redis_server.hincrby(keys.POLICIES, "epoch", 1)
    clock.now += 0.25
    assert ask()


def test_an_emptied_redis_lets_in_within_a_look(redis_server: redis.Redis, clock: Clock) -> None:
    documents.publish(snapshots.take([TIGHT], revision=1), seen="")
    redis_server.hincrby(keys.POLICIES, "epoch", 1)
    assert [ask(), ask(), ask()] == [True, False, False]
    redis_server.flushall()
    clock.now += 0.25
    assert ask()


def test_a_dearer_request_that_was_refused_does_not_refuse_a_cheaper_one(redis_server: redis.Redis) -> None:
    making.put_in_force(making.policy("login", Rate(3, 60), Rate(9, 3600)))
    assert [ask(cost=2), ask(cost=2), ask(cost=1)] == [True, False, True]


@pytest.mark.parametrize(
    ("changes", "seconds"),
    [
        ({}, 60),
        ({"mode": Mode.SHADOW}, 0),
        ({"refusals_count": True}, 60),
        ({"refusals_count": True, "algorithm": Algorithm.SLIDING_WINDOW}, 0),
        ({"counts": Counts.FAILED_LOGINS}, 1),
    ],
)
def test_how_long_a_refusal_is_believed(clock: Clock, changes: dict[str, object], seconds: float) -> None:
    known = Refusals(clock=clock)
    policy = replace(TIGHT, **changes)  # type: ignore[arg-type]
    known.remember(refused(policy, retry_seconds=60), asked_at=clock.now)
    believed = [moment for moment in (0, 0.9, 59) if _known_at(known, policy, clock, moment)]
    assert believed == [moment for moment in (0, 0.9, 59) if moment < seconds]


def _known_at(known: Refusals, policy: Policy, clock: Clock, moment: float) -> bool:
    before, clock.now = clock.now, clock.now + moment
    found = known.known(policy, client="a", cost=1)
    clock.now = before
    return found is not None


def test_the_memory_is_bounded(clock: Clock) -> None:
    known = Refusals(clock=clock)
    decision = refused(TIGHT, retry_seconds=60)
    for number in range(REFUSALS_MAX + 10):
        known.remember(replace(decision, client=str(number)), asked_at=clock.now)
    assert len(known) <= REFUSALS_MAX
    assert known.known(TIGHT, client=str(REFUSALS_MAX + 9), cost=1)


def test_nothing_is_left_of_it_when_another_snapshot_is_taken(redis_server: redis.Redis) -> None:
    making.put_in_force(TIGHT)
    ask(), ask()
    assert len(refusals) == 1
    policies_in_force.take(snapshots.take([TIGHT], revision=9))
    assert len(refusals) == 0


def test_a_refusal_that_comes_while_all_are_forgotten_is_forgotten_too(clock: Clock) -> None:
    known = Refusals(clock=clock)
    asked_at = clock.now
    clock.now += 0.1
    known.forget_all()
    known.remember(refused(TIGHT, retry_seconds=60), asked_at=asked_at)
    assert len(known) == 0


def test_a_refusal_under_another_way_to_count_is_not_repeated(clock: Clock) -> None:
    known = Refusals(clock=clock)
    known.remember(refused(TIGHT, retry_seconds=60), asked_at=clock.now)
    sliding = replace(TIGHT, algorithm=Algorithm.SLIDING_WINDOW)
    assert known.known(sliding, client="a", cost=1) is None


@pytest.mark.urls("tests.limits.views")
def test_who_is_denied_is_refused_before_anything_else_is_asked(
    client: Client, redis_server: redis.Redis, round_trips: list[str]
) -> None:
    making.put_in_force(TIGHT)
    making.put_override_in_force("127.0.0.1", Effect.DENIED)
    answer = client.post("/decorator")
    assert answer.status_code == 429
    assert "EVALSHA" not in round_trips


@pytest.mark.urls("tests.limits.views")
@pytest.mark.django_db
@pytest.mark.parametrize("header", [{"HTTP_AUTHORIZATION": "Token x"}, {"REMOTE_USER": "alice"}])
def test_who_may_be_somebody_is_not_refused_for_what_others_did(
    client: Client, redis_server: redis.Redis, header: dict[str, str]
) -> None:
    making.put_in_force(TIGHT)
    making.put_override_in_force("user=17", Effect.EXEMPT)
    assert [client.post("/decorator").status_code for _ in range(3)] == [200, 429, 429]
    request = RequestFactory().post("/decorator", REMOTE_ADDR="127.0.0.1", **header)
    assert KnownRefusalsMiddleware(lambda request: HttpResponse("asked within"))(request).content == b"asked within"


def test_other_rates_of_one_person_use_up_nothing_of_those_around(redis_server: redis.Redis) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60)))
    making.put_override_in_force("user=17", Effect.RATES, Rate(100, 60))
    somebody = making.request()
    somebody.user = User(pk=17)
    for _ in range(5):
        decision = enforcement.check(somebody, "login")
        assert decision is not None
        assert decision.allowed
    assert [ask(), ask(), ask()] == [True, True, False]
