"""Readings, looks and rules made by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from portal.operations.models import Alert, AlertEvent, AlertRule, Message, Severity
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Facts, Found
from portal.operations.watching.alerts.judging import Judged, judge
from portal.operations.watching.readings import PRIMARY, Look, Reading, ServerLook

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
MB = 1024 * 1024
PLACE = "10.0.0.1:6379"
FILLING = f"Redis {PLACE} is filling up"
DOWN = f"Redis {PLACE} does not answer"


def after(seconds: float) -> datetime:
    """Return a moment so long after NOW."""
    return NOW + timedelta(seconds=seconds)


WELL = Reading(
    at=NOW,
    engine="redis",
    version="7.0.15",
    run_id="one",
    role=PRIMARY,
    uptime_seconds=86_400,
    latency_seconds=0.001,
    used_memory_bytes=500 * MB,
    rss_bytes=550 * MB,
    maxmemory_bytes=1000 * MB,
    maxmemory_policy="noeviction",
    host_memory_bytes=8000 * MB,
    fragmentation_ratio=1.1,
    fragmentation_bytes=50 * MB,
    clients=10,
    clients_max=10_000,
    blocked_clients=0,
    keys=1000,
    commands=0,
    hits=0,
    misses=0,
    evicted=0,
    expired=0,
    rejected_connections=0,
    errors_oom=0,
    errors_misconf=0,
    errors_noperm=0,
)


def reading(**values: Any) -> Reading:
    """Return the reading of a server that is well, but for these values."""
    return replace(WELL, **values)


def server(place: str = PLACE, **values: Any) -> ServerLook:
    """Return a look at a server that is well, 15 s after the reading before, but for these values."""
    before = reading(at=NOW - timedelta(seconds=15))
    return ServerLook("redis, limits", place=place, reading=reading(**values), before=before, holds_counters=True)


def silent(place: str = PLACE) -> ServerLook:
    """Return a look at a server that does not answer."""
    return ServerLook("redis, limits", place=place, failure="refuses the connection", before=WELL, holds_counters=True)


def look(*servers: ServerLook) -> Look:
    """Return a look at these servers."""
    return Look(NOW, servers=servers)


def found(key: str, *servers: ServerLook) -> dict[str, Found]:
    """Return what a condition finds, by target."""
    return {each.target: each.found for each in CONDITIONS[key].find(Facts(look(*servers), now=NOW))}


def rule(condition: str = "memory_share", **values: Any) -> AlertRule:
    """Return the only rule that there is for this condition: it fires above 90 at once."""
    AlertRule.objects.exclude(name__startswith="Test").delete()
    defaults = {"name": f"Test {condition}", "threshold": 90, "severity": Severity.CRITICAL, "repeat_minutes": 0}
    return AlertRule.objects.create(condition=condition, **defaults | values)


def at_share(percent: float, place: str = PLACE) -> ServerLook:
    """Return a look at a server whose memory is filled so far."""
    return server(place, used_memory_bytes=int(percent * 10 * MB))


def judged(*servers: ServerLook, at: float = 0) -> Judged:
    """Judge by a look at these servers, so many seconds after NOW."""
    return judge(look(*servers), now=after(at))


def subjects() -> list[str]:
    """Return what people were told, the oldest first."""
    return list(Message.objects.order_by("pk").values_list("subject", flat=True))


def alert(**which: object) -> Alert:
    """Return the one alert that there is, or the one of these."""
    return Alert.objects.get(**which)


def history() -> list[str]:
    """Return what happened, the oldest first."""
    return list(AlertEvent.objects.order_by("pk").values_list("what", flat=True))
