"""Plots of samples say what they show, draw the limit where it can be seen, and go on where memory grows."""

from datetime import timedelta

import pytest

from portal.operations.dashboard.history import POINTS_MAX, History, Sampled, history
from portal.operations.dashboard.periods import Period, period_named
from portal.operations.models import RedisServer, Sample
from portal.operations.watching.samples import series

from .making import NOW, sample, server

pytestmark = pytest.mark.django_db
HOUR = period_named("1h")
MB = 2**20
LOOK = timedelta(seconds=15)


def drawn(row: RedisServer, *, period: Period = HOUR) -> History:
    points = series.points(row.pk, since=NOW - period.length, until=NOW, points_max=POINTS_MAX)
    latest = series.latest(row.pk)
    assert latest is not None
    forecast = series.memory_forecast(row.pk, now=NOW)
    return history(Sampled(points, latest=latest, forecast=forecast, period=period, now=NOW))


def filled(row: RedisServer, *, without: range = range(0), **fields: int) -> None:
    Sample.objects.bulk_create(
        sample(row, at=NOW - number * LOOK, **fields) for number in range(200) if number not in without
    )


def test_memory_says_how_much_of_how_much() -> None:
    row = server()
    filled(row)
    plot = drawn(row).memory
    assert (plot.value, plot.gist) == ("40 MB", "Memory 40 MB of 64 MB (62 %)")
    assert plot.ticks == ("64 MB", "48 MB", "32 MB", "16 MB", "0")
    assert (plot.limit_y, plot.ahead) == (0.0, "")
    assert plot.table.rows[0][1:] == ("40 MB", "64 MB")


def test_memory_that_grows_goes_on_to_its_limit() -> None:
    row = server()
    Sample.objects.bulk_create(
        sample(row, at=NOW - number * LOOK, used_memory_bytes=60 * MB - number * MB // 10) for number in range(200)
    )
    plot = drawn(row).memory
    assert plot.gist == "Memory 60 MB of 64 MB (94 %), full in about 10 minutes at 410 KB a minute"
    assert plot.ahead.startswith("M800.0 6.25L")
    assert plot.ahead.endswith(" 0.0")


def test_a_limit_far_above_is_told_and_not_drawn() -> None:
    row = server()
    filled(row, limit_bytes=64 * 2**30)
    plot = drawn(row).memory
    assert (plot.limit_y, plot.ticks[0]) == (None, "48 MB")
    assert "of 64 GB (< 0.1 %)" in plot.note


def test_without_a_limit_nothing_is_said_of_one() -> None:
    row = server()
    Sample.objects.bulk_create([sample(row, at=NOW, limit_bytes=None)])  # type: ignore[arg-type]
    assert drawn(row).memory.gist == "Memory 40 MB used"


def test_a_gap_is_a_gap_in_every_plot() -> None:
    row = server()
    filled(row, without=range(60, 90))
    found = drawn(row)
    for plot in (found.memory, *found.small):
        assert plot.line.count("M") == 2, plot.key


def test_the_small_ones_tell_their_last_value_or_their_sum() -> None:
    row = server()
    filled(row, evicted=2)
    small = {plot.key: plot for plot in drawn(row).small}
    assert {key: (plot.value, plot.note) for key, plot in small.items()} == {
        "hit-rate": ("90 %", "of 20 k look-ups"),
        "clients": ("7", "7 at most"),
        "evictions": ("400", "keys dropped"),
        "latency": ("210 µs", "210 µs at most"),
    }
    assert [plot.tone for plot in small.values()] == ["", "", "bad", ""]


def test_the_newest_look_counts_among_the_most() -> None:
    row = server()
    filled(row, without=range(1))
    Sample.objects.bulk_create([sample(row, at=NOW, clients=9, latency_microseconds=300)])
    small = {plot.key: plot.note for plot in drawn(row).small}
    assert (small["clients"], small["latency"]) == ("9 at most", "300 µs at most")


def test_a_hit_rate_without_look_ups_is_not_known() -> None:
    row = server()
    filled(row, hits=0, misses=0)
    plot = drawn(row).small[0]
    assert (plot.value, plot.line) == ("–", "")
    assert plot.table.rows[0][1] == "not known"
