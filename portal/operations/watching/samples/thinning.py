"""Thinning samples out with age: what is over is summed up in longer spans, and what is old is deleted.

Samples of every span are there for the newest time too, so that a plot reads those of one span. All is done in small
transactions, a bounded number in each call: what a long pause leaves undone, the next calls do.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from django.db import transaction
from django.db.models import Max, Min, Q, QuerySet

from portal.operations.models import RedisServer, Sample
from portal.operations.watching.samples.fields import reckoned
from portal.operations.watching.samples.keeping import write
from portal.operations.watching.turns import slot_of

LOOK, FIVE_MINUTES, HOUR = Sample.Span.LOOK, Sample.Span.FIVE_MINUTES, Sample.Span.HOUR
KEPT = {LOOK: timedelta(days=1), FIVE_MINUTES: timedelta(days=31), HOUR: timedelta(days=366)}
_ROWS_A_SERVER = sum(kept // timedelta(seconds=span) for span, kept in KEPT.items())
ROWS_MAX = 5_000_000
"""More than 200 servers leave in a year. What is above is deleted, the oldest of the span that has most."""
SPANS_AT_ONCE = 400
SLICES_AT_ONCE = 50
_SLICE_SPANS = 240
_GRACE = timedelta(seconds=60)
"""A look that took its time may still be written after its span is over."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def thin_out(now: datetime, *, rows_max: int = ROWS_MAX) -> None:
    """Sum up the spans that are over, and delete what is old; safe to repeat, and to do twice at once."""
    for fine, coarse in ((LOOK, FIVE_MINUTES), (FIVE_MINUTES, HOUR)):
        _sum_up(fine, into=coarse, now=now)
    for span, kept in KEPT.items():
        _delete_before(min(now - kept, _summed_up_until(span)), span=span)
    _keep_bounded(rows_max)
    _forget_servers(before=now - KEPT[HOUR])


def _sum_up(fine: Sample.Span, *, into: Sample.Span, now: datetime) -> None:
    for number, begins in enumerate(_unsummed(fine, into=into, now=now)):
        if number == SPANS_AT_ONCE:
            return
        with transaction.atomic():
            write(_summed(fine, into=into, begins=begins))


def _unsummed(fine: Sample.Span, *, into: Sample.Span, now: datetime) -> Iterator[datetime]:
    """Yield when the spans begin that are over and not summed up, the oldest first; those without samples are left."""
    length = timedelta(seconds=into)
    ends = slot_of(now - _GRACE, every=length)
    if into == HOUR:
        ends = min(ends, slot_of(_summed_up_until(LOOK), every=length))
    newest = _of(into).filter(at__lt=ends).aggregate(newest=Max("at"))["newest"]
    begins = newest + length if newest else _EPOCH
    while oldest := _of(fine).filter(at__gte=begins, at__lt=ends).aggregate(oldest=Min("at"))["oldest"]:
        span = slot_of(oldest, every=length)
        yield span
        begins = span + length


def _summed(fine: Sample.Span, *, into: Sample.Span, begins: datetime) -> list[Sample]:
    """Return for each server the sample of a longer span, which the database reckons."""
    rows = _of(fine).filter(at__gte=begins, at__lt=begins + timedelta(seconds=into)).values("server_id")
    return [Sample(span_seconds=into, at=begins, **row) for row in rows.order_by().annotate(**reckoned())]


def _summed_up_until(span: Sample.Span) -> datetime:
    """Return until when samples of a span are summed up in a longer one; those of the longest need not be."""
    if span == HOUR:
        return datetime.max.replace(tzinfo=UTC)
    longer = FIVE_MINUTES if span == LOOK else HOUR
    newest = _of(longer).aggregate(newest=Max("at"))["newest"]
    return newest + timedelta(seconds=longer) if newest else _EPOCH


def _delete_before(moment: datetime, *, span: Sample.Span) -> None:
    for _ in range(SLICES_AT_ONCE):
        if not _delete_slice(span, before=moment):
            return


def _delete_slice(span: Sample.Span, *, before: datetime | None = None) -> bool:
    """Delete the oldest samples of a span, as many spans as make one small transaction; return whether any were."""
    rows = _of(span)
    oldest = rows.aggregate(oldest=Min("at"))["oldest"]
    if oldest is None or (before and oldest >= before):
        return False
    length = timedelta(seconds=span * _SLICE_SPANS)
    until = slot_of(oldest, every=length) + length
    rows.filter(at__lt=min(until, before) if before else until).delete()
    return True


def _keep_bounded(rows_max: int) -> None:
    if RedisServer.objects.count() * _ROWS_A_SERVER <= rows_max:
        return  # To count rows takes a database longer than all the rest.
    counts = {span: _of(span).count() for span in KEPT}
    for _ in range(SLICES_AT_ONCE):
        if sum(counts.values()) <= rows_max:
            return
        most = max(counts, key=lambda span: counts[span])
        _delete_slice(most)
        counts[most] = _of(most).count()


def _forget_servers(*, before: datetime) -> None:
    """Delete servers that are long out of use: their samples are gone. Of those that never answered there are none."""
    gone = Q(looked_at__lt=before) | Q(answered_at=None)
    RedisServer.objects.filter(gone, is_in_use=False).delete()


def _of(span: Sample.Span) -> "QuerySet[Sample]":
    return Sample.objects.filter(span_seconds=span)
