"""What conditions find: in readings made by hand, and in the rows of the site."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from portal.operations.backups import inventory
from portal.operations.backups.keeping.kept import Kept
from portal.operations.backups.manifest import Notes
from portal.operations.models import Channel, Heartbeat, RedisServer, Sample
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Direction, Facts, Found, Scope, Trouble
from portal.operations.watching.alerts.conditions.known_replicas import KNOWN_FOR
from portal.operations.watching.readings import REPLICA, Look, ServerLook
from portal.operations.watching.samples import keeping
from portal.operations.watching.turns import slot_of
from portal.redis_address import embedded_address
from tests.portal.operations.backups.keeping.making import make_backup
from tests.portal.operations.watching.alerts.made import MB, NOW, PLACE, WELL, found, look, reading, server, silent

OF_SERVERS = sorted(key for key, condition in CONDITIONS.items() if condition.scope is Scope.SERVER)
NO_DATABASE = sorted(set(OF_SERVERS) - {"hours_until_full", "replicas_lost"})


def value(key: str, look: ServerLook | None = None, **values: Any) -> float | None:
    return one(key, look, **values).value


def one(key: str, look: ServerLook | None = None, **values: Any) -> Found:
    return found(key, look or server(**values))[PLACE]


@pytest.mark.parametrize(
    ("key", "values", "expected"),
    [
        ("memory_share", {"used_memory_bytes": 900 * MB}, 90),
        ("memory_share", {"used_memory_bytes": 800 * MB, "maxmemory_bytes": 0}, 10),
        ("resident_share", {"rss_bytes": 4000 * MB}, 50),
        ("fragmentation", {"fragmentation_ratio": 1.8, "fragmentation_bytes": 400 * MB}, 1.8),
        ("fragmentation", {"fragmentation_ratio": 13.7, "used_memory_bytes": MB}, None),
        ("fragmentation", {"fragmentation_ratio": 1.8, "fragmentation_bytes": 99 * MB}, None),
        ("swapped", {"fragmentation_ratio": 0.7}, 0.7),
        ("swapped", {"fragmentation_ratio": 0.7, "used_memory_bytes": MB}, None),
        ("evictions", {"evicted": 3}, 12),
        ("refused_writes", {"errors_oom": 1, "errors_misconf": 1}, 8),
        ("missing_rights", {"errors_noperm": 1}, 4),
        ("rejected_connections", {"rejected_connections": 1}, 4),
        ("clients_share", {"clients": 9000}, 90),
        ("link_down", {"role": REPLICA, "link_is_up": False}, 1),
        ("behind", {"role": REPLICA, "behind_bytes": 3 * MB}, 3),
        ("save_failed", {"save_failed": True}, 1),
        ("aof_failed", {"aof_failed": True}, 1),
        ("loading", {"is_loading": True}, 1),
        ("restarted", {"run_id": "two"}, 1),
        ("role_changed", {"role": REPLICA}, 1),
        ("latency", {"latency_seconds": 0.25}, 250),
        ("down", {}, 0),
    ],
)
def test_what_is_compared(key: str, values: dict[str, Any], expected: float | None) -> None:
    assert value(key, **values) == expected


@pytest.mark.parametrize("key", sorted(set(NO_DATABASE) - {"down"}))
def test_without_an_answer_there_is_no_data(key: str) -> None:
    assert found(key, silent())[PLACE].trouble is Trouble.NO_DATA


def test_without_an_answer_it_is_down() -> None:
    assert found("down", silent())[PLACE] == Found(1.0, "It refuses the connection.")


@pytest.mark.parametrize("key", ["memory_share", "latency", "evictions", "link_down", "save_failed"])
def test_what_loads_its_data_says_nothing_of_it(key: str) -> None:
    assert one(key, is_loading=True).trouble is Trouble.NO_DATA


@pytest.mark.parametrize("key", ["evictions", "refused_writes", "missing_rights", "rejected_connections", "restarted"])
def test_what_happened_needs_two_readings(key: str) -> None:
    assert one(key, replace(server(), before=None)).trouble is Trouble.NO_DATA


@pytest.mark.parametrize("key", ["evictions", "refused_writes", "missing_rights", "rejected_connections"])
def test_two_readings_of_one_moment_are_not_two(key: str) -> None:
    assert one(key, replace(server(), before=WELL)).trouble is Trouble.NO_DATA


def test_evictions_concern_the_servers_that_count() -> None:
    assert found("evictions", replace(server(evicted=1), holds_counters=False)) == {}


@pytest.mark.parametrize("key", ["link_down", "behind"])
def test_a_primary_has_no_link(key: str) -> None:
    assert found(key, server()) == {}


@pytest.mark.parametrize(("source", "expected"), [("redis", None), ("redis, limits", 99), ("redis, broker", 99)])
def test_a_cache_alone_that_drops_keys_may_be_full(source: str, expected: float | None) -> None:
    full = server(used_memory_bytes=990 * MB, maxmemory_policy="allkeys-lru")
    assert value("memory_share", replace(full, source=source)) == expected
    if expected is None:
        assert value("memory_share", replace(full, source=source, reading=reading(maxmemory_bytes=0))) is not None


@pytest.mark.django_db
def test_memory_that_rises_and_falls_every_hour_will_not_be_full() -> None:
    """Keys that live for an hour."""
    keeping.keep(look(server()))
    row, now = RedisServer.objects.get(), NOW + timedelta(minutes=59)
    for span, seconds in ((Sample.Span.LOOK, 59 * 60), (Sample.Span.FIVE_MINUTES, 5 * 3600)):
        for before in range(0, seconds, span):
            at = slot_of(now - timedelta(seconds=before), every=timedelta(seconds=span))
            used_bytes = (100 + 10 * at.minute) * MB
            values = {
                "used_memory_bytes": used_bytes,
                "limit_bytes": 1000 * MB,
                "rss_bytes": 0,
                "clients": 0,
                "keys": 0,
            }
            sample = Sample(server=row, span_seconds=span, at=at, latency_microseconds=0, **values)
            keeping.write([sample])
    tooth = Facts(look(server(used_memory_bytes=640 * MB)), now=now)
    higher = Facts(look(server(used_memory_bytes=720 * MB)), now=now)
    assert [one.found.value for one in CONDITIONS["hours_until_full"].find(tooth)] == [None]
    assert [one.found.value for one in CONDITIONS["hours_until_full"].find(higher)] == [pytest.approx(0.5, abs=0.3)]


def test_a_set_that_failed_is_told_as_a_set_and_is_no_server() -> None:
    failed = replace(silent("a:1,b:1,c:1"), is_set=True, failure="cannot fail over, for 1 of 3 Sentinels answer")
    assert found("set_failed", server(), failed)[""] == Found(
        1.0, "a:1,b:1,c:1 cannot fail over, for 1 of 3 Sentinels answer."
    )
    assert found("set_failed", server())[""].value == 0
    for key in NO_DATABASE:
        assert found(key, failed) == {}, key


def test_the_redis_that_the_site_starts_restarts_with_it(settings: Any) -> None:
    own = server(embedded_address(settings.VAR).place, run_id="two")
    assert [each.value for each in found("restarted", own).values()] == [None]


def node(place: str, **values: Any) -> ServerLook:
    return server(place, is_cluster_node=True, **values)


@pytest.mark.parametrize(
    ("servers", "expected"),
    [
        ([node("a:1"), node("b:1")], 0.0),
        ([node("a:1"), node("b:1", is_cluster_up=False)], 1.0),
        ([node("a:1", slots_served=10_923), node("b:1", slots_served=10_923)], 1.0),
    ],
)
def test_a_cluster_fails_where_a_node_says_so(servers: list[ServerLook], expected: float) -> None:
    assert found("cluster_failed", *servers)[""].value == expected


def test_of_a_cluster_that_does_not_answer_nothing_is_known_and_without_one_nothing_asked() -> None:
    gone = replace(node("a:1"), reading=None, before=reading(is_cluster_node=True))
    assert found("cluster_failed", gone)[""].trouble is Trouble.NO_DATA
    assert found("cluster_failed", server()) == {}


def test_memory_without_any_limit_is_not_known() -> None:
    assert one("memory_share", maxmemory_bytes=0, host_memory_bytes=None).trouble is Trouble.NO_DATA


@pytest.mark.parametrize("key", CONDITIONS)
def test_a_condition_speaks_in_sentences(key: str) -> None:
    condition = CONDITIONS[key]
    assert all(text[-1] in ".?" for text in (condition.compares, condition.meaning, condition.advice))
    assert condition.scope is Scope.SITE or "{target}" in condition.headline


@pytest.mark.parametrize(
    ("key", "number", "expected"),
    [
        ("memory_share", 93.21, "93.2 %"),
        ("behind", 12345.6, "12,346 MB"),
        ("down", 1, "yes"),
        ("down", 0, "no"),
        ("fragmentation", 1.5, "1.5"),
        ("latency", None, "–"),
    ],
)
def test_figures(key: str, number: float | None, expected: str) -> None:
    assert CONDITIONS[key].figure(number) == expected


def test_the_threshold_itself_is_good() -> None:
    above, below = CONDITIONS["memory_share"], CONDITIONS["swapped"]
    assert (above.is_bad(90, threshold=90), above.is_bad(90.1, threshold=90)) == (False, True)
    assert below.direction is Direction.BELOW
    assert (below.is_bad(1, threshold=1), below.is_bad(0.9, threshold=1)) == (False, True)


# With rows


def row(**values: Any) -> RedisServer:
    times = {"first_seen_at": NOW - timedelta(hours=30), "looked_at": NOW}
    return RedisServer.objects.create(place=PLACE, source="redis", **times | values)


@pytest.mark.django_db
def test_memory_that_grows_is_full_in_some_hours() -> None:
    kept = row()
    for minutes in range(40):
        at = NOW - timedelta(minutes=40 - minutes)
        sizes = {"used_memory_bytes": (500 + minutes) * MB, "limit_bytes": 779 * MB, "rss_bytes": 0}
        Sample.objects.create(server=kept, span_seconds=15, at=at, clients=1, keys=1, latency_microseconds=1, **sizes)
    assert value("hours_until_full") == pytest.approx(4, abs=0.1)
    assert one("hours_until_full").words == "It will be full in about 4 hours at 1 MB a minute."


@pytest.mark.django_db
@pytest.mark.parametrize("is_kept", [True, False])
def test_without_a_trend_all_is_well(is_kept: bool) -> None:
    if is_kept:
        row()
    assert one("hours_until_full") == Found(None, "There is no clear trend towards its limit.")


def lost(replicas: int, *, hours: float = 0, **values: Any) -> float | None:
    at = NOW + timedelta(hours=hours)
    look = Look(at, (server(replicas=replicas, **values),))
    findings = list(CONDITIONS["replicas_lost"].find(Facts(look, at)))
    return findings[0].found.value if findings else None


@pytest.mark.django_db
def test_a_replica_is_missed_until_it_is_back() -> None:
    row()
    assert [lost(2), lost(1, hours=1), lost(0, hours=2), lost(2, hours=3)] == [0, 1, 2, 0]


@pytest.mark.django_db
def test_a_replica_that_is_away_for_a_day_is_forgotten() -> None:
    row()
    hours = KNOWN_FOR / timedelta(hours=1)
    assert [lost(2), lost(1, hours=hours - 1), lost(1, hours=hours + 1), lost(1, hours=hours + 2)] == [0, 1, 0, 0]


@pytest.mark.django_db
def test_replicas_that_are_there_stay_known() -> None:
    row()
    assert [lost(2), lost(2, hours=20), lost(1, hours=40)] == [0, 0, 1]


@pytest.mark.django_db
def test_who_was_primary_misses_no_replicas() -> None:
    row()
    lost(2)
    assert lost(0, role=REPLICA) is None
    assert lost(1) == 0


@pytest.mark.django_db
def test_the_age_of_a_backup_counts_from_the_first_look_while_there_is_none() -> None:
    assert found("backup_age")["redis"].value == 0
    row()
    assert found("backup_age")["redis"].value == 30
    assert "There is no proven backup" in found("backup_age")["redis"].words


@pytest.mark.django_db
def test_worker_and_beat_are_silent_until_they_give_a_sign() -> None:
    assert [found(key)[""].value for key in ("worker_silent", "beat_silent")] == [1, 1]
    Heartbeat.objects.create(name="worker@here", at=NOW)
    PeriodicTask.objects.update(last_run_at=NOW)
    assert [found(key)[""].value for key in ("worker_silent", "beat_silent")] == [0, 0]


@pytest.mark.django_db
def test_a_channel_that_fails_and_is_on() -> None:
    Channel.objects.all().delete()
    since = NOW - timedelta(minutes=30)
    Channel.objects.create(name="Mail", failing_since=since, failure="No route to host.")
    Channel.objects.create(name="Off", failing_since=since, is_on=False)
    assert found("channel_failing") == {"Mail": Found(30, "It has failed for 30 minutes: No route to host.")}


def backed_up(tmp_path: Path, *, hours: float) -> None:
    manifest, _ = make_backup(tmp_path)
    began_at = NOW - timedelta(hours=hours)
    inventory.note_kept(Kept(replace(manifest, began_at=began_at), notes=Notes(), problems=()), now=NOW)


@pytest.mark.django_db
def test_a_backup_that_the_schedule_is_late_with_has_an_age(tmp_path: Path) -> None:
    backed_up(tmp_path, hours=30)
    assert found("backup_age")["redis"].value == 30


@pytest.mark.django_db
def test_a_backup_as_recent_as_the_schedule_makes_it_is_well(tmp_path: Path) -> None:
    once_a_week = CrontabSchedule.objects.create(minute="0", hour="3", day_of_week="1")
    PeriodicTask.objects.filter(task="portal.operations.long.back_up").update(crontab=once_a_week)
    backed_up(tmp_path, hours=100)
    assert found("backup_age")["redis"].value is None
    assert "100.0 hours ago, as the schedule says." in found("backup_age")["redis"].words
