"""What a plot is drawn of."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from portal.operations.watching.readings import change
from portal.operations.watching.samples.series import latest, memory_forecast, points
from portal.operations.watching.samples.thinning import FIVE_MINUTES, HOUR, LOOK, thin_out
from tests.portal.operations.watching.samples.conftest import READING
from tests.portal.operations.watching.samples.test_thinning import MIDNIGHT, a_server, every, sampled

pytestmark = pytest.mark.django_db

MB = 1024 * 1024


def drawn(hours: float, *, since: datetime = MIDNIGHT, points_max: int = 240, server: int = 0) -> Any:
    return points(server or a_server().pk, since=since, until=since + timedelta(hours=hours), points_max=points_max)


def of(step: int, *, count: int, span: int, since: datetime = MIDNIGHT) -> int:
    server = a_server()
    sampled(server, every(step, count=count, since=since), span=span)
    return server.pk


def test_an_hour_is_drawn_of_15_s() -> None:
    found = drawn(1, server=of(15, count=240, span=LOOK))
    assert [point.at for point in found] == every(15, count=240)
    assert {point.step_seconds for point in found} == {15}


@pytest.mark.parametrize(
    ("hours", "span", "step_seconds"), [(24, FIVE_MINUTES, 600), (31 * 24, HOUR, 4 * 3600), (366 * 24, HOUR, 37 * 3600)]
)
def test_longer_times_are_drawn_of_longer_spans_joined_where_they_are_too_many(
    hours: int, span: int, step_seconds: int
) -> None:
    server = of(span, count=hours * 3600 // span, span=span)
    found = drawn(hours, server=server)
    assert {point.step_seconds for point in found} == {step_seconds}
    assert len(found) <= 241
    assert sum(point.hits for point in found) == hours * 3600 // span
    assert not any(point.after_gap for point in found)


def test_while_no_long_span_is_over_the_short_ones_are_drawn() -> None:
    found = drawn(31 * 24, server=of(15, count=4, span=LOOK), points_max=10_000_000)
    assert [point.at for point in found] == every(15, count=4)


def test_a_gap_is_told_and_one_look_that_was_late_is_none() -> None:
    server = a_server()
    slots = (0, 1, 3, 10, 11)
    sampled(server, [MIDNIGHT + timedelta(seconds=15 * slot) for slot in slots])
    assert [point.after_gap for point in drawn(1, server=server.pk)] == [False, False, False, True, False]


def test_five_minutes_that_are_missing_are_a_gap() -> None:
    server = a_server()
    sampled(server, [MIDNIGHT, MIDNIGHT + timedelta(minutes=10)], span=FIVE_MINUTES)
    assert [point.after_gap for point in drawn(24, server=server.pk)] == [False, True]


def test_joined_points_hold_the_highest_and_the_sums() -> None:
    server = a_server()
    for second, used in ((0, 5), (15, 9), (30, 2)):
        sampled(server, [MIDNIGHT + timedelta(seconds=second)], used_memory_bytes=used, hits=3, misses=1)
    (point,) = drawn(1, server=server.pk, points_max=60)
    assert (point.used_memory_bytes, point.hits, point.seconds, point.hit_share) == (9, 9, 45, 0.75)


def test_without_samples_there_are_no_points() -> None:
    assert drawn(24) == ()
    assert latest(a_server("other:1").pk) is None


def test_without_look_ups_there_is_no_share_of_hits() -> None:
    server = a_server()
    sampled(server, [MIDNIGHT], hits=0, misses=0)
    assert drawn(1, server=server.pk)[0].hit_share is None


def test_the_latest_is_the_newest_sample() -> None:
    found = latest(of(15, count=10, span=LOOK))
    assert found is not None
    assert found.at == every(15, count=10)[-1]


def test_plots_are_continuous_after_thinning_out() -> None:
    server = of(15, count=3 * 240, span=LOOK)
    now = MIDNIGHT + timedelta(hours=3, minutes=2)
    thin_out(now)
    for hours, step in ((1, 15), (12, 300), (400, 3600)):
        found = points(server, since=now - timedelta(hours=hours), until=now, points_max=1000)
        assert {point.step_seconds for point in found} == {step}
        assert not any(point.after_gap for point in found)


def grows(by_bytes: int, *, count: int, restart: int = -1, since: datetime = MIDNIGHT) -> int:
    server = a_server()
    for number, at in enumerate(every(15, count=count, since=since)):
        used = 50 * MB + (number - max(restart, 0) if number >= restart else 1000 + number) * by_bytes
        sampled(server, [at], used_memory_bytes=used, limit_bytes=1000 * MB, restarts=int(number == restart))
    return server.pk


def test_memory_that_grows_has_a_forecast() -> None:
    found = memory_forecast(grows(MB // 4, count=240), now=MIDNIGHT + timedelta(hours=1))
    assert found is not None
    assert found.bytes_per_minute == pytest.approx(MB, rel=0.001)


def test_what_was_before_a_restart_says_nothing() -> None:
    found = memory_forecast(grows(MB // 4, count=240, restart=100), now=MIDNIGHT + timedelta(hours=1))
    assert found is not None
    assert found.bytes_per_minute == pytest.approx(MB, rel=0.001)


def test_soon_after_a_restart_there_is_no_forecast() -> None:
    assert memory_forecast(grows(MB // 4, count=240, restart=200), now=MIDNIGHT + timedelta(hours=1)) is None
    assert memory_forecast(a_server("other:1").pk, now=MIDNIGHT) is None


def test_every_query_goes_by_the_index_of_server_span_and_time() -> None:
    servers = [a_server(f"{number}.example:6379") for number in range(20)]
    for each in servers:
        sampled(each, every(15, count=300))
    pk = servers[7].pk
    with CaptureQueriesContext(connection) as queries:
        drawn(0.2, server=pk)
        latest(pk)
        memory_forecast(pk, now=MIDNIGHT + timedelta(minutes=12))
    assert len(queries) == 3
    assert all("one_sample_a_span" in plan or "INDEX sqlite_autoindex" in plan for plan in plans(queries))


def plans(queries: Iterable[dict[str, str]]) -> list[str]:
    explain = "EXPLAIN QUERY PLAN " if connection.vendor == "sqlite" else "EXPLAIN "
    found = []
    with connection.cursor() as cursor:
        for query in queries:
            cursor.execute(explain + query["sql"])
            found.append(str(cursor.fetchall()))
    return found


def test_a_year_of_a_server_that_lies_is_drawn() -> None:
    """SQLite refuses a sum beyond 64 bits."""
    most = change(READING, replace(READING, errors_oom=2**53, errors_misconf=2**53, errors_noperm=2**53))
    an_hour = 240 * (most.errors_oom + most.errors_misconf + most.errors_noperm)
    server = a_server()
    sampled(server, every(HOUR, count=8784), span=HOUR, errors=an_hour)
    assert sum(point.errors for point in drawn(366 * 24, server=server.pk, points_max=1)) == 8784 * an_hour
