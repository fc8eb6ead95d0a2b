"""Rows and values of the dashboard's tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from limits.models import Tally
from portal.operations.dashboard.facts import Limiter, ServerSeen, Underway
from portal.operations.models import RedisServer, Sample, Severity

NOW = datetime(2026, 11, 29, 12, 40, 30, tzinfo=UTC)
PLACE = "10.0.0.1:6379"


def tally(policy: str, *, refused: int = 0, in_shadow: int = 0, ago: timedelta = timedelta()) -> Tally:
    minute = (NOW - ago).replace(second=0)
    return Tally.objects.create(policy=policy, minute=minute, refused=refused, shadow_refused=in_shadow, allowed=9)


def server(place: str = PLACE, *, at: datetime = NOW, **fields: Any) -> RedisServer:
    known: dict[str, Any] = {"source": "limits", "role": "primary", "holds_counters": True} | fields
    return RedisServer.objects.create(place=place, first_seen_at=at, looked_at=at, **known)


def sample(row: RedisServer, *, at: datetime, span: Sample.Span = Sample.Span.LOOK, **fields: int) -> Sample:
    known = {"used_memory_bytes": 40 * 2**20, "limit_bytes": 64 * 2**20, "rss_bytes": 0, "clients": 7, "keys": 1}
    known |= {"latency_microseconds": 210, "hits": 90, "misses": 10, "seconds": int(span)} | fields
    return Sample(server=row, span_seconds=span, at=at, **known)


def seen(place: str = PLACE, **fields: Any) -> ServerSeen:
    known: dict[str, Any] = {"pk": 1, "source": "limits", "holds_counters": True, "looked_at": NOW, "failure": ""}
    return ServerSeen(place=place, **known | fields)


def limiter(**fields: Any) -> Limiter:
    known: dict[str, Any] = {"is_degraded": False, "is_away": False, "failure": "", "policies": 5, "in_step": True}
    return Limiter(**known | fields)


def underway(condition: str, *, severity: Severity = Severity.CRITICAL, is_recovering: bool = False) -> Underway:
    return Underway(1, condition=condition, severity=severity, headline="Redis drops keys", is_recovering=is_recovering)
