"""Samples are summed up when their span is over, and deleted when they are old."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db.models import Sum
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from portal.operations.models import RedisServer, Sample
from portal.operations.watching.readings import Look, ServerLook
from portal.operations.watching.samples import thinning
from portal.operations.watching.samples.fields import FIELDS
from portal.operations.watching.samples.keeping import keep
from portal.operations.watching.samples.thinning import FIVE_MINUTES, HOUR, LOOK, thin_out
from tests.portal.operations.watching.samples.conftest import NOW

MIDNIGHT = NOW.replace(hour=0, minute=0, second=0)
DAY = timedelta(days=1)


def a_server(place: str = "127.0.0.1:6379", *, looked_at: datetime = MIDNIGHT) -> RedisServer:
    return RedisServer.objects.create(place=place, source="redis", first_seen_at=MIDNIGHT, looked_at=looked_at)


def sampled(server: RedisServer, ats: Iterable[datetime], *, span: int = LOOK, **fields: Any) -> None:
    """Make samples in which each count is 1, and which stand for their span."""
    made = dict.fromkeys(FIELDS, 1) | {"seconds": span} | fields
    Sample.objects.bulk_create(Sample(server=server, span_seconds=span, at=at, **made) for at in ats)


def every(step: int, *, since: datetime = MIDNIGHT, count: int) -> list[datetime]:
    return [since + timedelta(seconds=step * number) for number in range(count)]


def ats(span: int) -> list[datetime]:
    return list(Sample.objects.filter(span_seconds=span).order_by("at").values_list("at", flat=True))


@pytest.mark.django_db
def test_a_span_that_is_over_is_summed_up_and_one_that_is_not_is_left() -> None:
    sampled(a_server(), every(15, count=30))
    thin_out(MIDNIGHT + timedelta(minutes=7))
    (five,) = Sample.objects.filter(span_seconds=FIVE_MINUTES)
    assert (five.at, five.seconds, five.hits) == (MIDNIGHT, 300, 20)
    assert ats(HOUR) == []
    assert len(ats(LOOK)) == 30


@pytest.mark.django_db
def test_a_look_that_took_its_time_is_waited_for() -> None:
    sampled(a_server(), every(15, count=20))
    thin_out(MIDNIGHT + timedelta(minutes=5, seconds=30))
    assert ats(FIVE_MINUTES) == []


@pytest.mark.django_db
def test_peaks_stay_peaks_and_the_tightest_limit_counts() -> None:
    server = a_server()
    sampled(server, [MIDNIGHT], used_memory_bytes=9, clients=2, limit_bytes=None)
    sampled(server, [MIDNIGHT + timedelta(seconds=15)], used_memory_bytes=4, clients=7, limit_bytes=50)
    sampled(server, [MIDNIGHT + timedelta(seconds=30)], used_memory_bytes=5, clients=1, limit_bytes=40)
    thin_out(MIDNIGHT + timedelta(minutes=6))
    five = Sample.objects.get(span_seconds=FIVE_MINUTES)
    assert (five.used_memory_bytes, five.clients, five.limit_bytes) == (9, 7, 40)


@pytest.mark.django_db
def test_an_hour_is_summed_up_of_its_five_minutes() -> None:
    sampled(a_server(), every(15, count=280))
    thin_out(MIDNIGHT + timedelta(minutes=70))
    assert ats(FIVE_MINUTES) == every(300, count=13)
    (hour,) = Sample.objects.filter(span_seconds=HOUR)
    assert (hour.at, hour.seconds, hour.hits) == (MIDNIGHT, 3600, 240)


@pytest.mark.django_db
def test_each_server_is_summed_up_for_itself() -> None:
    one, two = a_server("one:1"), a_server("two:1")
    sampled(one, every(15, count=20))
    sampled(two, every(15, count=10))
    thin_out(MIDNIGHT + timedelta(minutes=6))
    hits = Sample.objects.filter(span_seconds=FIVE_MINUTES).order_by("server").values_list("server", "hits")
    assert list(hits) == [(one.pk, 20), (two.pk, 10)]


@pytest.mark.django_db
def test_to_repeat_it_changes_nothing() -> None:
    sampled(a_server(), every(15, count=280))
    thin_out(MIDNIGHT + timedelta(minutes=70))
    before = list(Sample.objects.order_by("pk").values())
    thin_out(MIDNIGHT + timedelta(minutes=70))
    assert list(Sample.objects.order_by("pk").values()) == before


@pytest.mark.django_db
def test_after_a_pause_of_the_watch_the_hours_before_and_after_it_are_there() -> None:
    server = a_server()
    after = MIDNIGHT + timedelta(days=3)
    sampled(server, [*every(15, count=100), *every(15, since=after, count=240)])
    thin_out(after + timedelta(minutes=70))
    assert ats(HOUR) == [MIDNIGHT, after]
    assert ats(LOOK)[0] == after


@pytest.mark.django_db
def test_a_long_backlog_is_done_in_several_calls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "SPANS_AT_ONCE", 3)
    sampled(a_server(), every(60, count=60))
    later = MIDNIGHT + timedelta(hours=2)
    thin_out(later)
    assert ats(FIVE_MINUTES) == every(300, count=3)
    for _ in range(3):
        thin_out(later)
    assert ats(FIVE_MINUTES) == every(300, count=12)
    assert ats(HOUR) == [MIDNIGHT]


@pytest.mark.django_db
def test_what_is_old_is_deleted_span_by_span() -> None:
    server = a_server()
    for span, days in ((LOOK, 1), (FIVE_MINUTES, 31), (HOUR, 366)):
        now = MIDNIGHT + timedelta(days=400)
        sampled(server, [now - timedelta(days=days, seconds=span), now - timedelta(days=days) + DAY / 2], span=span)
    thin_out(now)
    thin_out(now)
    assert ats(LOOK) == [now - DAY / 2]
    assert now - timedelta(days=31) + DAY / 2 in ats(FIVE_MINUTES)
    assert all(at >= now - timedelta(days=31) for at in ats(FIVE_MINUTES))
    assert all(at >= now - timedelta(days=366) for at in ats(HOUR))


@pytest.mark.django_db
def test_what_is_not_summed_up_yet_is_not_deleted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "SPANS_AT_ONCE", 2)
    sampled(a_server(), every(15, count=60))
    thin_out(MIDNIGHT + 3 * DAY)
    assert ats(LOOK) == every(15, since=MIDNIGHT + timedelta(minutes=10), count=20)
    thin_out(MIDNIGHT + 3 * DAY)
    assert ats(LOOK) == []
    assert Sample.objects.filter(span_seconds=FIVE_MINUTES).aggregate(hits=Sum("hits"))["hits"] == 60


@pytest.mark.django_db
def test_deleting_is_bounded_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(thinning, "SLICES_AT_ONCE", 2)
    sampled(a_server(), every(900, count=96))
    for left in (88, 80):
        thin_out(MIDNIGHT + 3 * DAY)
        assert len(ats(LOOK)) == left


@pytest.mark.django_db
def test_rows_are_bounded_whatever_happens() -> None:
    sampled(a_server(), every(15, count=1000))
    thin_out(MIDNIGHT + timedelta(hours=5), rows_max=500)
    assert Sample.objects.count() <= 500
    assert ats(LOOK)[-1] == every(15, count=1000)[-1]
    assert ats(FIVE_MINUTES)[0] == MIDNIGHT


@pytest.mark.django_db
def test_a_server_that_is_out_of_use_for_a_year_is_forgotten() -> None:
    old, kept = a_server("old:1"), a_server("kept:1")
    sampled(old, [MIDNIGHT], span=HOUR)
    RedisServer.objects.filter(pk=old.pk).update(is_in_use=False)
    thin_out(MIDNIGHT + timedelta(days=367))
    assert list(RedisServer.objects.all()) == [kept]


class Thinning(TestCase):
    """Whatever was sampled, and whenever it is thinned out."""

    @hypothesis_settings(max_examples=30)
    @given(
        slots=st.sets(st.integers(min_value=0, max_value=6 * 240), max_size=60),
        calls=st.lists(st.integers(min_value=0, max_value=8 * 3600), max_size=6),
    )
    def test_every_count_is_in_one_sample_of_each_span(self, slots: set[int], calls: list[int]) -> None:
        moments = sorted(MIDNIGHT + timedelta(seconds=15 * slot) for slot in slots)
        server = a_server()
        done = 0
        # Samples come in while it is thinned out.
        for seconds in sorted(calls):
            now = MIDNIGHT + timedelta(seconds=seconds)
            come = [at for at in moments[done:] if at <= now]
            sampled(server, come)
            done += len(come)
            thin_out(now)
        sampled(server, moments[done:])
        # The next hour's sample shows that the last is over.
        end = MIDNIGHT + timedelta(hours=24)
        sampled(server, [end])
        thin_out(end + timedelta(minutes=7))
        for span in (FIVE_MINUTES, HOUR):
            rows = Sample.objects.filter(span_seconds=span, at__lt=end)
            assert (rows.aggregate(hits=Sum("hits"))["hits"] or 0) == len(moments)
            assert all(row.at.timestamp() % span == 0 for row in rows)


@pytest.mark.django_db
def test_servers_that_never_answered_are_forgotten_once_nobody_tells_of_them() -> None:
    for place in ("a:1", "b:1"):
        keep(Look(MIDNIGHT, (ServerLook("redis", place, failure="is not found"),)))
    thin_out(MIDNIGHT)
    assert list(RedisServer.objects.values_list("place", flat=True)) == ["b:1"]
