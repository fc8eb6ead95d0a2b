"""Tallies and last refusals, from Redis into the database and out again."""

from datetime import UTC, datetime, timedelta

import pytest
import redis
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from limits import tasks
from limits.core import keys
from limits.core.tallies import Refused
from limits.models import LastRefusal, Tally
from limits.services import tallies as services
from limits.store import tallies as store
from limits.store.tallies import Batch, Rows

pytestmark = pytest.mark.django_db
Redis = redis.Redis
NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
MINUTE = int(NOON.timestamp()) // 60
REFUSED = Refused(NOON.timestamp(), "login", "203.0.113.9", "POST /login/")

_numbers = iter(range(1, 1_000_000))


def add(*minutes: tuple[int, Rows], refusals: int = 0) -> None:
    store.write(Batch("one", next(_numbers), dict(minutes), [REFUSED] * refusals))


def saved() -> dict[tuple[str, int], tuple[int, ...]]:
    """Return what the database holds: by policy and minutes after noon."""
    rows = Tally.objects.values_list("policy", "minute", *services.OUTCOMES)
    return {(policy, int((minute - NOON).total_seconds() // 60)): tuple(row) for policy, minute, *row in rows}


def test_each_policy_and_minute_is_saved_as_it_stands(redis_server: Redis) -> None:
    add((MINUTE, {"login": [3, 1, 0, 2], "default": [9, 0, 0, 0]}), (MINUTE + 1, {"login": [0, 0, 4, 0]}))
    services.save_tallies()
    assert saved() == {("login", 0): (3, 1, 0, 2), ("default", 0): (9, 0, 0, 0), ("login", 1): (0, 0, 4, 0)}


def test_saving_again_changes_nothing_and_a_running_minute_grows(redis_server: Redis) -> None:
    add((MINUTE, {"login": [3, 0, 0, 0]}))
    for _ in range(3):
        services.save_tallies()
    assert saved() == {("login", 0): (3, 0, 0, 0)}
    add((MINUTE, {"login": [1, 0, 0, 5], "default": [1, 0, 0, 0]}))
    services.save_tallies()
    assert saved() == {("login", 0): (4, 0, 0, 5), ("default", 0): (1, 0, 0, 0)}


def test_what_a_process_could_write_only_hours_later_is_saved_too(redis_server: Redis) -> None:
    add((MINUTE + 90, {"login": [1, 0, 0, 0]}))
    services.save_tallies()
    add((MINUTE + 91, {"login": [1, 0, 0, 0]}))
    add((MINUTE, {"login": [7, 0, 0, 0]}))
    services.save_tallies()
    assert saved()["login", 0] == (7, 0, 0, 0)


def test_a_redis_that_was_emptied_takes_nothing_from_what_was_saved(redis_server: Redis) -> None:
    add((MINUTE, {"login": [30, 0, 0, 2]}))
    services.save_tallies()
    redis_server.flushdb()
    add((MINUTE, {"login": [1, 0, 0, 5]}))
    services.save_tallies()
    assert saved() == {("login", 0): (30, 0, 0, 5)}


def test_what_somebody_spoilt_keeps_nothing_else_from_being_saved(redis_server: Redis) -> None:
    add((MINUTE, {"login": [3, 0, 0, 2]}), refusals=1)
    redis_server.zadd(f"{keys.TALLIES}:changed", {"abc": 1, str(10**12): 1, b"\xff": 1, "999999999": 1})
    redis_server.hset(keys.tallies_of(MINUTE), mapping={"login:near_limit": "nan", "default:allowed": 10**30})
    redis_server.hset(keys.tallies_of(999_999_999), "login:allowed", 1)
    for at in ("nan", "1e18", "-1", b"\xff"):
        redis_server.xadd(keys.REFUSALS, {"at": at, "policy": "login", "client": "a", "place": "GET /"})
    services.save_tallies()
    assert saved()["login", 0] == (3, 0, 0, 2)
    assert LastRefusal.objects.count() == 1


def test_many_policies_are_saved_by_a_few_queries(
    redis_server: Redis, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    add((MINUTE, {f"policy-{number}": [1, 0, 0, 0] for number in range(1_000)}))
    with django_assert_max_num_queries(16):
        services.save_tallies()
    assert len(saved()) == 1_000


def test_refusals_are_saved_once_each_in_their_order(redis_server: Redis) -> None:
    add(refusals=2)
    services.save_tallies()
    add(refusals=1)
    services.save_tallies()
    services.save_tallies()
    rows = LastRefusal.objects.values_list("at", "policy", "client", "place")
    assert list(rows) == [(NOON, "login", "203.0.113.9", "POST /login/")] * 3


def test_of_refusals_the_latest_are_kept(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "REFUSALS_MAX", 5)
    add(refusals=4)
    services.save_tallies()
    add(refusals=4)
    services.save_tallies()
    entries = list(LastRefusal.objects.values_list("entry", flat=True))
    assert entries == [entry.id for entry in store.refusals_after("")][:-6:-1]


def test_tallies_and_refusals_go_when_their_time_is_over(redis_server: Redis, settings: Settings) -> None:
    settings.LIMITS_TALLY_DAYS, settings.LIMITS_ADDRESS_DAYS = 2, 1
    for days in (3, 1, 0):
        at = NOON - timedelta(days=days)
        Tally.objects.create(policy="login", minute=at)
        LastRefusal.objects.create(entry=str(days), at=at, policy="login", client="a", place="GET /")
        redis_server.xadd(keys.REFUSALS, {"at": "1"}, id=f"{100 - days}-0")
    add(refusals=1)
    services.forget_old_tallies(now=NOON + timedelta(hours=1))
    assert list(Tally.objects.values_list("minute", flat=True)) == [NOON, NOON - timedelta(days=1)]
    assert list(LastRefusal.objects.values_list("entry", flat=True)) == ["0"]
    assert len(store.refusals_after("")) == 1


def test_without_redis_the_jobs_say_so_and_what_is_old_goes_all_the_same(caplog: pytest.LogCaptureFixture) -> None:
    Tally.objects.create(policy="login", minute=timezone.now() - timedelta(days=91))
    tasks.save_tallies()
    tasks.forget_old_tallies()
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert not Tally.objects.exists()
