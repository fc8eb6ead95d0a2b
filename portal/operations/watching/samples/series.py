"""Samples of one server for a plot, and how its memory would go on."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

from django.db.models import Func, IntegerField, Max, Min, QuerySet

from portal.operations.models import Sample
from portal.operations.watching.samples.fields import FIELDS, reckoned
from portal.operations.watching.samples.forecast import Forecast, forecast

POINTS_MAX = 240
_READ_MOST = 800
"""Samples of the finest span that is read for a plot: an hour of 15 s, a day of 5 min, a month of 1 h."""
_LATE = timedelta(seconds=30)
_FORECAST_FROM = timedelta(hours=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Point:
    """A server over `step_seconds` from `at` on: peaks of gauges, and what was counted within `seconds`."""

    at: datetime
    step_seconds: int
    after_gap: bool
    """Whether a span before it has no sample: a line is broken here."""
    seconds: float
    used_memory_bytes: int
    limit_bytes: int | None
    rss_bytes: int
    clients: int
    keys: int
    latency_microseconds: int
    commands: int
    hits: int
    misses: int
    evicted: int
    expired: int
    errors: int
    rejected_connections: int
    restarts: int

    @property
    def hit_share(self) -> float | None:
        """The share of look-ups that found their key; None: there were none."""
        asked = self.hits + self.misses
        return self.hits / asked if asked else None


def points(server_pk: int, *, since: datetime, until: datetime, points_max: int = POINTS_MAX) -> tuple[Point, ...]:
    """Return the points of a server until about now, the oldest first: samples of one span, joined where too many.

    While there is none of the span that fits, as at first, they are of a finer one.
    """
    for span in _spans(until - since):
        step_seconds = _step(until - since, span=span, points_max=points_max)
        if found := tuple(_points(server_pk, span=span, step_seconds=step_seconds, since=since, until=until)):
            return found
    return ()


def latest(server_pk: int) -> Point | None:
    """Return the newest sample of a server."""
    newest = _of(server_pk, span=Sample.Span.LOOK).order_by("-at").values("at", *FIELDS).first()
    return Point(step_seconds=Sample.Span.LOOK, after_gap=False, **newest) if newest else None


def memory_forecast(server_pk: int, *, now: datetime) -> Forecast | None:
    """Return when the memory of a server would be full, by its last hour, or what of it came after a restart."""
    found = _of(server_pk, span=Sample.Span.LOOK).filter(at__gt=now - _FORECAST_FROM, at__lte=now).order_by("at")
    rows = list(found.values_list("at", "used_memory_bytes", "limit_bytes", "restarts"))
    begins = max((number for number, (*_, restarts) in enumerate(rows) if restarts), default=0)
    samples = [(at.timestamp(), used_bytes) for at, used_bytes, *_ in rows[begins:]]
    return forecast(samples, limit_bytes=rows[-1][2]) if rows else None


def highest_of_a_day(server_pk: int, *, now: datetime) -> int:
    """Return the most memory that a server used within the day before its last hour; 0: nothing is known of it."""
    before = _of(server_pk, span=Sample.Span.FIVE_MINUTES).filter(at__lt=now - _FORECAST_FROM)
    highest = before.filter(at__gt=now - _FORECAST_FROM - timedelta(days=1)).aggregate(most=Max("used_memory_bytes"))
    return highest["most"] or 0


def _spans(length: timedelta) -> Iterator[Sample.Span]:
    """Yield the finest span of which not too many are read, then the finer ones."""
    spans = sorted(Sample.Span)
    fits = next((span for span in spans if length / timedelta(seconds=span) <= _READ_MOST), spans[-1])
    yield from reversed(spans[: spans.index(fits) + 1])


def _step(length: timedelta, *, span: int, points_max: int) -> int:
    """Return how many seconds a point stands for."""
    return span * max(1, ceil(length / timedelta(seconds=span) / points_max))


def _points(server_pk: int, *, span: int, step_seconds: int, since: datetime, until: datetime) -> Iterator[Point]:
    before: datetime | None = None
    for row in _joined(server_pk, span=span, step_seconds=step_seconds, since=since, until=until):
        number, first, last = row.pop("number"), row.pop("first"), row.pop("last")
        after_gap = before is not None and first - before > timedelta(seconds=span) + _LATE
        at = _EPOCH + timedelta(seconds=number * step_seconds)
        yield Point(at=at, step_seconds=step_seconds, after_gap=after_gap, **row)
        before = last


def _joined(server_pk: int, *, span: int, step_seconds: int, since: datetime, until: datetime) -> list[dict[str, Any]]:
    """Return the samples of each step joined, its number since 1970, and when its first and last sample begin."""
    rows = _of(server_pk, span=span).filter(at__gte=since, at__lte=until)
    steps = rows.annotate(number=_StepNumber("at", step_seconds=step_seconds)).values("number").order_by("number")
    found: Any = steps.annotate(first=Min("at"), last=Max("at"), **reckoned())
    return list(found)


class _StepNumber(Func):
    """In which step since 1970 a moment lies."""

    output_field = IntegerField()

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(CAST(strftime('%%%%s', %(expressions)s) AS INTEGER) / %(step_seconds)d)"
        return self.as_sql(compiler, connection, template=template, **context)

    def as_mysql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        template = "(TIMESTAMPDIFF(SECOND, '1970-01-01', %(expressions)s) DIV %(step_seconds)d)"
        return self.as_sql(compiler, connection, template=template, **context)


def _of(server_pk: int, *, span: int) -> "QuerySet[Sample]":
    """Return the samples that the unique index (server, span, at) finds."""
    return Sample.objects.filter(server_id=server_pk, span_seconds=span)
