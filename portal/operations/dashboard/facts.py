"""What there is to know of how it stands, in few queries and one look at Redis. Judging it is `verdicts`."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Sum

from limits import sync
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.store.connection import breaker
from portal.operations import heartbeats
from portal.operations.models import Alert, Channel, RedisServer, Sample
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.reach import DOWN
from portal.operations.watching.readings import REPLICA
from portal.operations.watching.samples.stored import reading_of

ERRORS_FOR = timedelta(minutes=1)
"""How long an error that Redis answered keeps limits from counting as holding for sure."""


@dataclass(frozen=True, slots=True)
class Limiter:
    """How this process limits: degraded where Redis is away or answers by errors. `in_step`: None where it is away."""

    is_degraded: bool
    is_away: bool
    failure: str
    policies: int
    in_step: bool | None


@dataclass(frozen=True, slots=True)
class ServerSeen:
    """A server as it was last looked at; `used_share` is None where no limit of its memory is known."""

    pk: int
    place: str
    source: str
    holds_counters: bool
    looked_at: datetime
    failure: str
    is_loading: bool = False
    is_replica: bool = False
    used_share: float | None = None
    errors: int = 0
    """Commands that it refused within ERRORS_FOR, for want of memory, of a disk, or of rights."""


@dataclass(frozen=True, slots=True)
class Underway:
    """An alert under way, and what is said of it."""

    pk: int
    condition: str
    severity: int
    headline: str
    is_acknowledged: bool = False
    is_recovering: bool = False
    """Whether its condition is over already, though not for long enough."""


@dataclass(frozen=True, slots=True)
class BackedUp:
    """The newest proven backup of a source, and how old it is in words; '' for both where there is none."""

    source: str
    newest: str = ""
    age: str = ""
    is_late: bool = False


@dataclass(frozen=True, slots=True)
class Lives:
    """Which of Celery's processes showed a sign of life lately."""

    worker: bool
    long_worker: bool
    beat: bool


def limiter() -> Limiter:
    """Return how this process limits. Redis is asked once, and not at all where it did not answer a moment ago."""
    in_step = None
    if not breaker.is_open:
        try:
            in_step = sync.is_in_step()
        except StoreUnavailable:
            in_step = None
    return Limiter(
        is_degraded=breaker.degraded,
        is_away=breaker.is_open,
        failure=breaker.failure,
        policies=len(policies_in_force.snapshot.policies),
        in_step=in_step,
    )


def servers(*, now: datetime) -> tuple[ServerSeen, ...]:
    """Return the servers that this site rests on, those that hold counters first."""
    rows = sorted(RedisServer.objects.filter(is_in_use=True), key=lambda row: (not row.holds_counters, row.place))
    recent = Sample.objects.filter(server__in=rows, span_seconds=Sample.Span.LOOK, at__gt=now - ERRORS_FOR)
    errors = dict(recent.order_by().values_list("server").annotate(Sum("errors"))) if rows else {}
    return tuple(_seen(row, errors=int(errors.get(row.pk, 0))) for row in rows)


def alerts() -> tuple[Underway, ...]:
    """Return the alerts under way: the gravest first, of those a server that is down, for it explains the rest."""
    rows = Alert.objects.filter(is_active=True).select_related("rule").order_by("-rule__severity", "-began_at", "pk")
    return tuple(sorted(map(_underway, rows), key=lambda alert: (-alert.severity, alert.condition != DOWN)))


def is_anybody_told() -> bool:
    """Return whether a channel is on."""
    return Channel.objects.filter(is_on=True).exists()


def lives(*, now: datetime) -> Lives:
    """Return who lives."""
    return Lives(
        worker=heartbeats.worker_lives(now=now),
        long_worker=heartbeats.long_worker_lives(now=now),
        beat=heartbeats.beat_lives(now=now),
    )


def _seen(row: RedisServer, *, errors: int) -> ServerSeen:
    reading = reading_of(row.reading)
    return ServerSeen(
        pk=row.pk,
        place=row.place,
        source=row.source,
        holds_counters=row.holds_counters,
        looked_at=row.looked_at,
        failure=row.failure,
        is_loading=reading is not None and reading.is_loading,
        is_replica=row.role == REPLICA,
        used_share=reading.used_share if reading else None,
        errors=errors,
    )


def _underway(row: Alert) -> Underway:
    condition = CONDITIONS.get(row.rule.condition)
    return Underway(
        pk=row.pk,
        condition=row.rule.condition,
        severity=row.rule.severity,
        headline=condition.headline.format(target=row.target) if condition else str(row),
        is_acknowledged=row.is_acknowledged,
        is_recovering=row.state == Alert.State.RECOVERING,
    )
