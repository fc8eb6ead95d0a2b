"""What Prometheus reads of Redis, backups, alerts and jobs: what the database holds of them, for this site as a whole.

Nothing is asked of Redis at a scrape: the last look is told, with its moment. Names and units as Prometheus recommends
(https://prometheus.io/docs/practices/naming/): moments instead of ages, nothing instead of a 0 that nobody knows, and
a server is named by its place alone: what else it is stands in `portal_redis_info`, so that no series ends when that
changes.
"""

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias

from django.db import Error as DatabaseError
from django.db.models import Count, Max
from django.utils import timezone
from django_celery_beat.models import PeriodicTask
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily

from limits.models import Revision
from portal.operations.backups import due
from portal.operations.backups.rows import newest_proven
from portal.operations.backups.sources import source_names
from portal.operations.models import Alert, Channel, Delivery, Heartbeat, RedisServer
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Scope
from portal.operations.watching.readings import PRIMARY, REPLICA, Reading
from portal.operations.watching.samples.stored import reading_of

logger = logging.getLogger("portal.watching")

Labels: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Told:
    """One metric of a server: its name after `portal_redis_`, what it is, and where it stands in a reading."""

    name: str
    text: str
    of: Callable[[Reading], float | None]
    counts: bool = False


def _start(reading: Reading) -> float:
    return round(reading.at.timestamp() - reading.uptime_seconds)


def _cluster_state(reading: Reading) -> float | None:
    return reading.is_cluster_up if reading.is_cluster_node else None


def _cluster_slots(reading: Reading) -> float | None:
    return reading.slots_served if reading.is_cluster_node else None


def _replica_link(reading: Reading) -> float | None:
    return reading.link_is_up if reading.role == REPLICA else None


def _replica_behind(reading: Reading) -> float | None:
    return reading.behind_bytes if reading.role == REPLICA else None


_OF_READINGS = (
    _Told("latency_seconds", "How long a PING took, there and back.", lambda reading: reading.latency_seconds),
    _Told("start_time_seconds", "When the server started, since 1970.", _start),
    _Told("is_primary", "1 for a primary, 0 for a replica.", lambda reading: reading.role == PRIMARY),
    _Told("loading", "1 while it loads its data from disk.", lambda reading: reading.is_loading),
    _Told("memory_used_bytes", "Memory that its data takes (used_memory).", lambda reading: reading.used_memory_bytes),
    _Told("memory_rss_bytes", "Memory that its process takes (used_memory_rss).", lambda reading: reading.rss_bytes),
    _Told("memory_maxmemory_bytes", "maxmemory; 0: none is set.", lambda reading: reading.maxmemory_bytes),
    _Told(
        "memory_host_bytes",
        "What its host has, or its cgroup may take; absent where unknown.",
        lambda reading: reading.host_memory_bytes,
    ),
    _Told(
        "memory_limit_bytes",
        "What it may take: maxmemory, else what its host has; absent where unknown.",
        lambda reading: reading.limit_bytes,
    ),
    _Told(
        "memory_fragmentation_bytes",
        "Memory lost to gaps (mem_fragmentation_bytes).",
        lambda reading: reading.fragmentation_bytes,
    ),
    _Told(
        "memory_fragmentation_ratio",
        "What the process takes to what is used (mem_fragmentation_ratio).",
        lambda reading: reading.fragmentation_ratio,
    ),
    _Told("evicts", "1 if it drops keys when it is full, 0 with noeviction.", lambda reading: reading.evicts),
    _Told("clients", "Clients connected.", lambda reading: reading.clients),
    _Told("clients_max", "Clients that may connect (maxclients).", lambda reading: reading.clients_max or None),
    _Told("blocked_clients", "Clients that wait in a blocking command.", lambda reading: reading.blocked_clients),
    _Told("keys", "Keys of all its databases.", lambda reading: reading.keys),
    _Told("replicas", "Replicas connected to it.", lambda reading: reading.replicas),
    _Told("cluster_up", "1 while a node of a Cluster finds all of it served.", _cluster_state),
    _Told("cluster_slots_served", "Of 16,384, as a node of a Cluster sees it.", _cluster_slots),
    _Told("replica_link_up", "1 while a replica hears its primary.", _replica_link),
    _Told("replica_behind_bytes", "What a replica has not got yet of its primary's stream.", _replica_behind),
    _Told("save_failed", "1 if the last snapshot failed.", lambda reading: reading.save_failed),
    _Told("aof_failed", "1 if the append-only file cannot be written.", lambda reading: reading.aof_failed),
    _Told("commands", "Commands processed.", lambda reading: reading.commands, counts=True),
    _Told("hits", "Reads that found their key.", lambda reading: reading.hits, counts=True),
    _Told("misses", "Reads that found no key.", lambda reading: reading.misses, counts=True),
    _Told("evicted_keys", "Keys dropped for want of memory.", lambda reading: reading.evicted, counts=True),
    _Told("expired_keys", "Keys whose time was over.", lambda reading: reading.expired, counts=True),
    _Told(
        "rejected_connections",
        "Connections turned away because maxclients was reached.",
        lambda reading: reading.rejected_connections,
        counts=True,
    ),
)
_ERRORS: tuple[tuple[str, Callable[[Reading], int]], ...] = (
    ("OOM", lambda reading: reading.errors_oom),
    ("MISCONF", lambda reading: reading.errors_misconf),
    ("NOPERM", lambda reading: reading.errors_noperm),
)


class Watched:
    """A collector for a registry of prometheus_client. Without the database it tells that alone."""

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as the database holds them now."""
        try:
            yield from (*_of_redis(), *_of_policies(), *_of_backups(), *_of_alerts(), *_of_jobs())
            is_there = True
        except DatabaseError as error:
            logger.error("/metrics tells nothing of Redis: the database failed (%s).", type(error).__name__)
            is_there = False
        yield _gauge("database_up", "1 if the database answered this scrape.", rows=[((), is_there)])


def _of_redis() -> Iterator[Metric]:
    servers = list(RedisServer.objects.filter(is_in_use=True, is_set=False))
    labels = ("server",)
    ups = [((server.place,), not server.failure) for server in servers]
    yield _gauge("redis_up", "1 if it answered the last look.", labels=labels, rows=ups)
    looks = [((server.place,), server.looked_at.timestamp()) for server in servers]
    yield _gauge("redis_last_look_timestamp_seconds", "When it was last looked at.", labels=labels, rows=looks)
    holds = [((server.place,), server.holds_counters) for server in servers]
    yield _gauge("redis_holds_counters", "1 if limits are counted there.", labels=labels, rows=holds)
    readings = {server.place: reading for server in servers if (reading := _reading_of(server))}
    yield _about(servers, readings=readings)
    for told in _OF_READINGS:
        make = _counter if told.counts else _gauge
        values = [((place,), told.of(reading)) for place, reading in readings.items()]
        yield make(f"redis_{told.name}", told.text, labels=labels, rows=values)
    errors = [((place, kind), count(reading)) for place, reading in readings.items() for kind, count in _ERRORS]
    text = "Errors answered of the kinds that mean that limiting fails."
    yield _counter("redis_errors", text, labels=(*labels, "kind"), rows=errors)


def _reading_of(server: RedisServer) -> Reading | None:
    """Return what a server said last; None of one that is down, where old figures would look like news."""
    return None if server.failure else reading_of(server.reading)


def _about(servers: Iterable[RedisServer], *, readings: Mapping[str, Reading]) -> Metric:
    text = "What a server is; while it is down, only what it is there for."
    family = InfoMetricFamily("portal_redis", text, labels=("server",))
    for server in servers:
        reading = readings.get(server.place)
        about = {"engine": reading.engine, "version": reading.version, "role": reading.role} if reading else {}
        family.add_metric((server.place,), {"serves": server.source, **about})
    return family


def _of_policies() -> Iterator[Metric]:
    newest = Revision.objects.filter(subject_type="policy").aggregate(pk=Max("pk"))["pk"] or 0
    text = "The newest revision of policies in the database, which every process should have in force."
    yield _gauge("policies_revision", text, rows=[((), newest)])


def _of_backups() -> Iterator[Metric]:
    newest = {name: newest_proven(name) for name in source_names()}
    there = {name: row for name, row in newest.items() if row}
    moments = [((name,), row.began_at.timestamp()) for name, row in there.items()]
    text = "When the newest proven backup of all keys was begun."
    yield _gauge("backup_last_proven_timestamp_seconds", text, labels=("source",), rows=moments)
    sizes = [((name,), row.stored_bytes) for name, row in there.items()]
    yield _gauge("backup_last_proven_bytes", "Its size in the storage.", labels=("source",), rows=sizes)
    levels = [((name,), row.level if row else 0) for name, row in newest.items()]
    text = "How far it is proven, 1 to 4; 0: there is none."
    yield _gauge("backup_last_proven_level", text, labels=("source",), rows=levels)
    expected = due.expected_since(due.scheduled_task(), now=timezone.now()).timestamp()
    text = "Since when there should be a proven backup by now, as the schedule says."
    yield _gauge("backup_expected_since_timestamp_seconds", text, rows=[((), expected)])


def _of_alerts() -> Iterator[Metric]:
    alerts = Alert.objects.exclude(state=Alert.State.NORMAL).select_related("rule")
    # Several may come to the same labels, which a scrape must not hold twice.
    told: dict[Labels, bool] = {}
    for alert in alerts:
        labels = (alert.rule.name, _target(alert), alert.rule.get_severity_display().lower(), alert.state)
        told[labels] = alert.is_active or told.get(labels, False)
    names = ("rule", "target", "severity", "state")
    yield _gauge("alert", "Every alert that is not normal; 1 if it is under way.", labels=names, rows=told.items())
    judged: datetime | None = Alert.objects.aggregate(at=Max("judged_at"))["at"]
    moments = [((), judged.timestamp())] if judged else []
    yield _gauge("alerts_last_judged_timestamp_seconds", "When alert rules were last judged.", rows=moments)
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING).count()
    yield _gauge("alert_deliveries_waiting", "Messages on their way to a channel.", rows=[((), waiting)])
    failing = Channel.objects.filter(is_on=True).aggregate(number=Count("failing_since"))["number"]
    yield _gauge("alert_channels_failing", "Channels that could not be reached when last tried.", rows=[((), failing)])


def _target(alert: Alert) -> str:
    """Return what an alert is about; of a channel not its name, which may be somebody's address."""
    condition = CONDITIONS.get(alert.rule.condition)
    return "" if condition and condition.scope is Scope.CHANNEL else alert.target


def _of_jobs() -> Iterator[Metric]:
    beats = [((name,), at.timestamp()) for name, at in Heartbeat.objects.values_list("name", "at")]
    text = "The last sign of life of each Celery worker; forgotten after a day."
    yield _gauge("worker_last_seen_timestamp_seconds", text, labels=("worker",), rows=beats)
    sent: datetime | None = PeriodicTask.objects.aggregate(at=Max("last_run_at"))["at"]
    moments = [((), sent.timestamp())] if sent else []
    yield _gauge("beat_last_sent_timestamp_seconds", "When Celery beat last sent a task.", rows=moments)


Rows: TypeAlias = Iterable[tuple[Labels, float | None]]


def _gauge(name: str, text: str, *, rows: Rows, labels: Labels = ()) -> Metric:
    return _filled(GaugeMetricFamily(f"portal_{name}", text, labels=labels), rows=rows)


def _counter(name: str, text: str, *, rows: Rows, labels: Labels = ()) -> Metric:
    return _filled(CounterMetricFamily(f"portal_{name}", text, labels=labels), rows=rows)


def _filled(family: GaugeMetricFamily | CounterMetricFamily, *, rows: Rows) -> Metric:
    for values, number in rows:
        if number is not None:
            family.add_metric(values, float(number))
    return family
