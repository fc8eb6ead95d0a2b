"""What is known of servers and alerts, out of their rows."""

from datetime import timedelta

import pytest
import redis

from portal.operations.dashboard import facts
from portal.operations.models import Alert, AlertRule, Heartbeat, Sample, Severity
from portal.operations.watching.samples.stored import stored
from tests.portal.operations.watching.samples.conftest import reading

from .making import NOW, sample, server

pytestmark = pytest.mark.django_db


def test_servers_that_hold_counters_come_first_and_those_out_of_use_not_at_all() -> None:
    server("a:1", holds_counters=False)
    server("b:1")
    server("c:1", is_in_use=False)
    assert [seen.place for seen in facts.servers(now=NOW)] == ["b:1", "a:1"]


def test_what_the_last_reading_says_of_a_server() -> None:
    told = reading(NOW, used_memory_bytes=30, maxmemory_bytes=40, is_loading=True)
    server(reading=stored(told), role="replica")
    (seen,) = facts.servers(now=NOW)
    assert (seen.used_share, seen.is_loading, seen.is_replica) == (0.75, True, True)


@pytest.mark.parametrize("told", [None, {}, {"used_memory_bytes": 30}, ["nothing of ours"]])
def test_a_server_without_a_reading_is_a_server_all_the_same(told: object) -> None:
    server(reading=told)
    (seen,) = facts.servers(now=NOW)
    assert (seen.used_share, seen.is_loading) == (None, False)


def test_errors_count_for_a_minute() -> None:
    row = server()
    moments = (timedelta(seconds=15), timedelta(seconds=30), timedelta(minutes=2))
    Sample.objects.bulk_create(sample(row, at=NOW - ago, errors=2) for ago in moments)
    assert [seen.errors for seen in facts.servers(now=NOW)] == [4]


def test_the_gravest_alert_comes_first_and_says_what_happened() -> None:
    for condition, severity in (("latency", Severity.WARNING), ("evictions", Severity.CRITICAL)):
        rule = AlertRule.objects.create(name=f"{condition}!", condition=condition, threshold=0, severity=severity)
        Alert.objects.create(rule=rule, target="10.0.0.1:6379", since=NOW, judged_at=NOW, is_active=True)
    Alert.objects.create(rule=rule, target="elsewhere", since=NOW, judged_at=NOW)
    first, second = facts.alerts()
    assert first.headline == "Redis 10.0.0.1:6379 drops keys while limits are counted there"
    assert (first.condition, second.condition) == ("evictions", "latency")


def test_of_alerts_as_grave_a_server_that_is_down_comes_first_for_it_explains_the_rest() -> None:
    for condition, state in (("down", Alert.State.RECOVERING), ("evictions", Alert.State.FIRING)):
        rule = AlertRule.objects.create(
            name=f"{condition}!", condition=condition, threshold=0, severity=Severity.CRITICAL
        )
        began = NOW + timedelta(seconds=AlertRule.objects.count())
        Alert.objects.create(rule=rule, state=state, since=NOW, began_at=began, judged_at=NOW, is_active=True)
    assert [(alert.condition, alert.is_recovering) for alert in facts.alerts()] == [
        ("down", True),
        ("evictions", False),
    ]


def test_an_alert_of_a_condition_that_is_no_more_is_told_by_its_name() -> None:
    rule = AlertRule.objects.create(name="Of an older version", condition="gone", threshold=0)
    Alert.objects.create(rule=rule, since=NOW, judged_at=NOW, is_active=True)
    assert [alert.headline for alert in facts.alerts()] == ["Of an older version"]


@pytest.mark.parametrize(
    ("name", "ago", "worker", "long_worker"),
    [
        ("worker@host", 5, True, False),
        ("long-1@host", 5, False, True),
        ("worker@host", 90, False, False),
    ],
)
def test_a_sign_of_life_counts_for_a_minute(name: str, ago: int, worker: bool, long_worker: bool) -> None:
    Heartbeat.objects.create(name=name, at=NOW - timedelta(seconds=ago))
    found = facts.lives(now=NOW)
    assert (found.worker, found.long_worker) == (worker, long_worker)


def test_without_redis_it_is_not_known_whether_policies_are_in_step() -> None:
    assert facts.limiter().in_step is None
    # Once it did not answer, it is not waited for again.
    assert facts.limiter().is_degraded


@pytest.mark.usefixtures("policies")
def test_with_redis_it_is_known(redis_server: redis.Redis) -> None:
    found = facts.limiter()
    assert (found.in_step, found.is_degraded) == (True, False)
    redis_server.flushdb()
    assert facts.limiter().in_step is False
