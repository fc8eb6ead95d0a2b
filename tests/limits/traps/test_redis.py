"""Traps in how Redis is reached, and in how what it holds gets there."""

from io import StringIO
from typing import Any

import pytest
import redis
from django.conf import settings
from django.core.cache import CacheHandler, caches
from django.core.management import CommandError, call_command
from django.db import transaction
from django.test import Client
from django_ratelimit.core import _get_window
from pytest_django import DjangoCaptureOnCommitCallbacks
from redis.crc import key_slot

import limits
from limits.core import keys
from limits.core.policies import Algorithm
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.models import Policy
from limits.store import connection
from tests.conftest import Clock
from tests.limits import making
from tests.limits.traps import peer
from tests.limits.traps.doing import edit, statuses

Redis = redis.Redis
pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.limits.traps.views")]


def timeout_of(cache: Any) -> float | None:
    """Return the time, in seconds, that a cache's connections wait for an answer."""
    waited: float | None = cache.client.get_client().connection_pool.connection_kwargs["socket_timeout"]
    return waited


def test_a_second_alias_gets_its_own_timeouts() -> None:
    theirs = peer.caches_with(
        first={"OPTIONS": {"SOCKET_TIMEOUT": 7.0}, "LOCATION": settings.REDIS.with_database(8).url},
        second={"OPTIONS": {"SOCKET_TIMEOUT": 0.1}, "LOCATION": settings.REDIS.with_database(8).url},
    )
    assert [timeout_of(theirs[alias]) for alias in ("first", "second")] == [7.0, 7.0]
    for alias, said in settings.CACHES.items():
        assert timeout_of(caches[alias]) == said["OPTIONS"]["SOCKET_TIMEOUT"] <= 0.2
    assert len({said["LOCATION"][0] for said in settings.CACHES.values()}) == len(settings.CACHES)


def test_reads_never_go_to_a_replica_that_lags(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second of two addresses is where django-redis reads. Here nobody is there: whoever asks it, fails."""
    nobody = "redis://127.0.0.1:1/0"
    theirs: Any = peer.caches_with(plain={"LOCATION": [settings.REDIS.with_database(peer.DATABASE).url, nobody]})
    with pytest.raises(redis.ConnectionError):
        theirs["plain"].get("anything")
    theirs["plain"].client.get_client(write=True).connection_pool.disconnect()
    ours = settings.CACHES["limits"]
    with_replica = {"default": ours, "limits": ours | {"LOCATION": [*ours["LOCATION"], nobody]}}
    monkeypatch.setattr(connection, "caches", CacheHandler(with_replica))
    connection.forget_kept()
    making.put_in_force(making.policy("login", Rate(5, 60), Rate(9, 3600)))
    decisions = [limits.check(making.request(), "login", cost=cost) for cost in (1, 1, 0, 0, 0)]
    assert [decision.states[0].remaining for decision in decisions if decision] == [4, 3, 3, 3, 3]
    policies_in_force.look()
    assert not connection.breaker.degraded


def test_clocks_of_several_servers_do_not_part_a_count(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two real processes whose clocks differ are in tests/limits/test_exactness.py."""
    windows = []
    for now in range(60_000, 60_060):
        monkeypatch.setattr("django_ratelimit.core.time", _Clock(now))
        here = _get_window("a", 60)
        monkeypatch.setattr("django_ratelimit.core.time", _Clock(now + 5))
        windows.append(here == _get_window("a", 60))
    assert windows.count(False) == 5
    making.put_in_force(making.policy("login", Rate(50, 60)))
    for now in range(60_000, 60_060, 5):
        monkeypatch.setattr("django_ratelimit.core.time", _Clock(now))
        limits.check(making.request(), "login")
    assert {key: redis_server.get(key) for key in redis_server.keys("*")} == {b"rl:{login:203.0.113.9}:60": b"12"}


class _Clock:
    def __init__(self, now: float) -> None:
        self.time = lambda: now


@pytest.mark.parametrize("algorithm", Algorithm)
def test_all_keys_of_a_script_are_in_one_slot(redis_server: Redis, algorithm: Algorithm) -> None:
    """A real Cluster of three is in tests/limits/cluster_and_sentinel/."""
    rates = (Rate(9, 86_400), Rate(3, 3600), Rate(1, 60))
    making.put_in_force(making.policy("login", *rates, algorithm=algorithm, penalty_seconds=90))
    for _ in range(2):
        limits.check(making.request(), "login")
    written: Any = redis_server.keys("*")
    assert len(written) == 4
    assert len(set(map(key_slot, written))) == 1


def words_of(*command: str) -> str:
    """Return what a management command says; its complaint when it fails."""
    out = StringIO()
    try:
        call_command(*command, stdout=out)
    except CommandError as error:
        return str(error)
    return out.getvalue()


def test_a_failover_that_takes_a_policy_back_is_noticed_and_mended(
    policies: None, redis_server: Redis, client: Client, clock: Clock
) -> None:
    older: Any = redis_server.hgetall(keys.POLICIES)
    policy = Policy.objects.get(slug="login")
    policy.rates = (Rate(2, 60),)
    policy.save()
    assert words_of("policies", "sync") == "Redis has the policies now.\n"
    redis_server.hset(keys.POLICIES, mapping=older)
    assert "different: login" in words_of("policies", "sync", "--check")
    words_of("policies", "sync")
    clock.now += 1
    assert statuses(client, "/login/", requests=3) == [200, 200, 429]


def test_an_update_that_sends_no_signal_is_noticed_and_mended(policies: None, client: Client, clock: Clock) -> None:
    Policy.objects.filter(slug="login").update(rates=(Rate(1, 60),))
    assert "different: login" in words_of("policies", "sync", "--check")
    words_of("policies", "sync")
    assert words_of("policies", "sync", "--check").startswith("In step")
    assert statuses(client, "/login/", requests=2) == [200, 429]


def test_a_change_is_published_once_it_is_committed_and_never_before(
    policies: None,
    redis_server: Redis,
    admin_client: Client,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    before = redis_server.hget(keys.POLICIES, "version")
    with transaction.atomic():
        edit(admin_client, "login", rates="2/m")
        transaction.set_rollback(True)
    assert redis_server.hget(keys.POLICIES, "version") == before
    with django_capture_on_commit_callbacks(execute=True):
        edit(admin_client, "login", rates="2/m")
        assert redis_server.hget(keys.POLICIES, "version") == before
    assert redis_server.hget(keys.POLICIES, "version") != before
