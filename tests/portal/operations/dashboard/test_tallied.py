"""Refusals over time: each tally is in one stretch, and a month is added up once."""

from datetime import timedelta
from itertools import count, pairwise

import pytest
from pytest_django import DjangoAssertNumQueries

from limits.models import Tally
from portal.operations.dashboard.periods import PERIODS, Period, period_named
from portal.operations.dashboard.tallied import ADDING_SECONDS, PastDays, Refused, refused_slots

from .making import NOW, tally

pytestmark = pytest.mark.django_db
HOUR, DAY, MONTH = (period_named(name) for name in ("1h", "24h", "30d"))


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period.name)
def test_stretches_follow_each_other_and_the_last_one_holds_now(period: Period) -> None:
    slots = refused_slots(period, now=NOW)
    assert len(slots) == period.length // period.bar
    assert all(before.ends == after.begins for before, after in pairwise(slots))
    assert slots[-1].begins <= NOW < slots[-1].ends


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period.name)
def test_a_tally_is_in_the_stretch_of_its_minute(period: Period) -> None:
    for ago in (timedelta(), period.bar, period.length - 2 * period.bar, period.length + period.bar):
        tally("login", refused=3, ago=ago)
    found = [slot for slot in refused_slots(period, now=NOW) if slot.by_policy]
    minutes = [NOW - ago for ago in (period.length - 2 * period.bar, period.bar, timedelta())]
    assert [slot.begins <= minute < slot.ends for slot, minute in zip(found, minutes, strict=True)] == [True] * 3


def test_minutes_of_one_stretch_are_added_up_by_policy() -> None:
    for ago in (0, 4, 9):
        tally("login", refused=2, in_shadow=1, ago=timedelta(minutes=ago))
    tally("default", refused=5)
    tally("api-search")
    assert refused_slots(DAY, now=NOW)[-1].by_policy == {"login": Refused(6, 3), "default": Refused(5, 0)}


def test_whole_days_that_are_over_are_added_up_once(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    tally("login", refused=7, ago=timedelta(days=20))
    before = refused_slots(MONTH, now=NOW)
    Tally.objects.all().delete()
    tally("login", refused=4)
    with django_assert_num_queries(1):
        after = refused_slots(MONTH, now=NOW)
    assert before[-21].by_policy == after[-21].by_policy == {"login": Refused(7)}
    assert after[-1].by_policy == {"login": Refused(4)}


def test_days_that_take_long_are_added_up_by_and_by() -> None:
    for ago in (1, 5, 29):
        tally("login", refused=ago, ago=timedelta(days=ago))
    seconds = count(step=ADDING_SECONDS / 10)
    past = PastDays(clock=lambda: next(seconds))
    known = [sum(slot.is_known for slot in refused_slots(MONTH, now=NOW, past=past)) for _ in range(5)]
    assert known == sorted(known)
    assert 0 < known[0] < known[1] < known[-1] == 30
    # The newest come first.
    slots = refused_slots(MONTH, now=NOW, past=past)
    assert [slot.by_policy["login"].refused for slot in slots if slot.by_policy] == [29, 5, 1]


def test_a_day_is_added_up_again_while_its_tallies_may_grow() -> None:
    early = NOW.replace(hour=1)
    tally("login", refused=1, ago=NOW - early + timedelta(hours=2))
    assert refused_slots(MONTH, now=early)[-2].by_policy == {"login": Refused(1)}
    Tally.objects.update(refused=2)
    assert refused_slots(MONTH, now=early)[-2].by_policy == {"login": Refused(2)}
