"""What `/metrics` tells beside the limits: Redis as it was last seen, backups, alerts, channels and jobs."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from django.db import OperationalError, connection
from django.test import Client
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families

from limits.models import Revision
from portal.operations.models import Alert, AlertRule, Channel, RedisServer
from portal.operations.watching.readings import Reading

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
READING = Reading(
    at=NOW,
    engine="redis",
    version="7.0.15",
    run_id="a",
    role="primary",
    uptime_seconds=60,
    latency_seconds=0.0002,
    used_memory_bytes=1_000,
    rss_bytes=2_000,
    maxmemory_bytes=0,
    maxmemory_policy="noeviction",
    host_memory_bytes=None,
    fragmentation_ratio=2.0,
    fragmentation_bytes=1_000,
    clients=3,
    clients_max=100,
    blocked_clients=1,
    keys=5,
    commands=70,
    hits=8,
    misses=2,
    evicted=4,
    expired=1,
    rejected_connections=0,
    errors_oom=6,
    errors_misconf=0,
    errors_noperm=1,
)
SERVER = {"server": "10.0.0.1:6379"}


def told() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    """Return what is scraped, by name and labels."""
    text = Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def of(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return f"portal_{name}", frozenset(labels.items())


def server(**values: object) -> RedisServer:
    return RedisServer.objects.create(
        **{
            "place": SERVER["server"],
            "source": "redis, limits",
            "first_seen_at": NOW,
            "looked_at": NOW,
            "reading": msgspec.to_builtins(READING),
        }
        | values
    )


def test_a_server_is_told_as_it_was_last_seen() -> None:
    server(holds_counters=True)
    found = told()
    assert found[of("redis_up", **SERVER)] == 1
    assert found[of("redis_memory_used_bytes", **SERVER)] == 1_000
    assert found[of("redis_evicted_keys_total", **SERVER)] == 4
    assert found[of("redis_errors_total", kind="OOM", **SERVER)] == 6
    assert found[of("redis_last_look_timestamp_seconds", **SERVER)] == NOW.timestamp()
    assert found[of("redis_start_time_seconds", **SERVER)] == NOW.timestamp() - 60
    about = {"serves": "redis, limits", "engine": "redis", "version": "7.0.15", "role": "primary"}
    assert found[of("redis_info", **about, **SERVER)] == 1


def test_a_limit_that_nobody_knows_is_not_told_as_0() -> None:
    server()
    assert of("redis_memory_limit_bytes", **SERVER) not in told()


def test_of_a_server_that_is_down_nothing_old_is_told_as_new() -> None:
    server(failure="It does not answer.")
    found = told()
    assert found[of("redis_up", **SERVER)] == 0
    assert found[of("redis_info", serves="redis, limits", **SERVER)] == 1
    assert of("redis_memory_used_bytes", **SERVER) not in found
    assert of("redis_evicted_keys_total", **SERVER) not in found


def test_only_a_replica_tells_of_its_primary() -> None:
    server()
    assert of("redis_replica_link_up", **SERVER) not in told()
    RedisServer.objects.update(reading=msgspec.to_builtins(replace(READING, role="replica", link_is_up=False)))
    assert told()[of("redis_replica_link_up", **SERVER)] == 0


def test_a_reading_of_another_version_is_passed_over() -> None:
    server(reading={"of": "another version"})
    found = told()
    assert found[of("redis_up", **SERVER)] == 1
    assert of("redis_memory_used_bytes", **SERVER) not in found


def test_a_server_that_is_not_in_use_any_more_is_not_told() -> None:
    server(is_in_use=False)
    assert of("redis_up", **SERVER) not in told()


def test_alerts_that_are_not_normal_are_told_and_whether_they_are_under_way() -> None:
    rule = AlertRule.objects.create(name="A rule", condition="memory", threshold=1, severity=3)
    quiet = AlertRule.objects.create(name="Another", condition="memory", threshold=1)
    Alert.objects.create(rule=rule, target="x", state="firing", is_active=True, since=NOW, judged_at=NOW)
    Alert.objects.create(rule=quiet, target="x", state="normal", since=NOW, judged_at=NOW - timedelta(minutes=1))
    found = told()
    assert found[of("alert", rule="A rule", target="x", severity="critical", state="firing")] == 1
    assert [name for name, _ in found if name == "portal_alert"] == ["portal_alert"]
    assert found[of("alerts_last_judged_timestamp_seconds")] == NOW.timestamp()


def test_a_channel_that_fails_is_told_without_its_name() -> None:
    Channel.objects.create(name="night@example.org", address="night@example.org", failing_since=NOW)
    assert told()[of("alert_channels_failing")] == 1
    assert "night" not in Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()


def test_alerts_about_channels_come_to_one_without_their_names() -> None:
    rule = AlertRule.objects.get(condition="channel_failing")
    for target, is_active in (("night@example.org", True), ("Second", False)):
        Alert.objects.create(rule=rule, target=target, state="firing", is_active=is_active, since=NOW, judged_at=NOW)
    assert told()[of("alert", rule=rule.name, target="", severity="warning", state="firing")] == 1
    assert "night" not in Client(REMOTE_ADDR="127.0.0.1").get("/metrics").content.decode()


def test_a_source_without_a_proven_backup_is_told_so_and_since_when_there_should_be_one() -> None:
    found = told()
    assert found[of("backup_last_proven_level", source="redis")] == 0
    assert of("backup_last_proven_timestamp_seconds", source="redis") not in found
    assert found[of("backup_expected_since_timestamp_seconds")] < datetime.now(tz=UTC).timestamp()


def test_the_newest_revision_of_policies_is_told() -> None:
    newest = Revision.objects.filter(subject_type="policy").latest("pk").pk
    Revision.objects.create(at=NOW, subject_type="override", subject="x", actor_name="a", origin="tests")
    assert told()[of("policies_revision")] == newest


def test_it_is_open_metrics_too() -> None:
    server()
    answer = Client(REMOTE_ADDR="127.0.0.1").get("/metrics", headers={"Accept": "application/openmetrics-text"})
    assert answer["Content-Type"].startswith("application/openmetrics-text")
    types = {family.name: family.type for family in open_metrics(answer.content.decode())}
    assert types["portal_redis"] == "info"
    assert types["portal_redis_commands"] == "counter"


def test_without_the_database_the_limits_are_told_all_the_same() -> None:
    with connection.execute_wrapper(_fails):
        found = told()
    assert found[of("database_up")] == 0
    assert ("limits_degraded", frozenset()) in found
    assert told()[of("database_up")] == 1


def _fails(*arguments: object) -> None:
    raise OperationalError("the database is away")
