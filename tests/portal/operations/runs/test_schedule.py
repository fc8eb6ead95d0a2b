"""Slots: the moment that the schedule says, whatever the moment at which a task came to run."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.models import BackupPlan, JobRun
from portal.operations.runs import schedule
from portal.operations.runs.schedule import ask_scheduled, last_moment, make_up
from tests.portal.operations.runs.doing import NOW, minutes

TASK = "portal.operations.long.back_up"
VIENNA = ZoneInfo("Europe/Vienna")
NIGHTLY = TzAwareCrontab(minute="15", hour="3", tz=UTC)
database = pytest.mark.django_db


def at(text: str) -> datetime:
    return datetime.fromisoformat(text)


def slots(*, now: datetime = NOW) -> list[str]:
    """Ask by the schedule; return the slots that are new."""
    return [run.slot for run in ask_scheduled("backup", task=TASK, sources=("redis",), now=now)]


@pytest.mark.parametrize(
    ("now", "moment"),
    [
        ("2026-11-29T03:15:00+00:00", "2026-11-29T03:15+00:00"),
        ("2026-11-29T14:00:00+00:00", "2026-11-29T03:15+00:00"),
        ("2026-11-29T03:14:59+00:00", "2026-11-28T03:15+00:00"),
        ("2027-01-01T00:00:00+00:00", "2026-12-31T03:15+00:00"),
    ],
)
def test_the_last_moment_of_a_nightly_schedule(now: str, moment: str) -> None:
    assert last_moment(NIGHTLY, now=at(now)) == at(moment)


@given(st.timedeltas(timedelta(), timedelta(days=9_000)))
def test_the_last_moment_is_within_a_day_and_the_same_until_the_next(after: timedelta) -> None:
    now = NOW + after
    moment = last_moment(NIGHTLY, now=now)
    assert moment is not None
    assert timedelta() <= now - moment < timedelta(days=1)
    assert last_moment(NIGHTLY, now=moment + timedelta(days=1, seconds=-1)) == moment


def test_the_hour_that_the_clocks_repeat_in_autumn_is_two_slots() -> None:
    hourly = TzAwareCrontab(minute="30", tz=VIENNA)
    first, second = (last_moment(hourly, now=at(f"2026-10-25T0{hour}:40+00:00")) for hour in (0, 1))
    assert (first, second) == (at("2026-10-25T00:30+00:00"), at("2026-10-25T01:30+00:00"))


def test_weekdays_and_months_count() -> None:
    sundays = TzAwareCrontab(minute="0", hour="0", day_of_week="sun", tz=UTC)
    assert last_moment(sundays, now=NOW) == at("2026-11-29T00:00+00:00")
    yearly = TzAwareCrontab(minute="0", hour="0", day_of_month="1", month_of_year="12", tz=UTC)
    assert last_moment(yearly, now=NOW) == at("2025-12-01T00:00+00:00")
    never = TzAwareCrontab(minute="0", hour="0", day_of_month="29", month_of_year="2", tz=UTC)
    assert last_moment(never, now=NOW) is None


@database
def test_a_night_s_slot_is_asked_for_once_whenever_the_task_comes_to_run() -> None:
    assert slots(now=minutes(0)) == ["redis/2026-11-29T03:15Z"]
    assert [slots(now=minutes(late)) for late in (0, 3, 600)] == [[], [], []]
    assert slots(now=NOW + timedelta(days=1)) == ["redis/2026-11-30T03:15Z"]


@database
def test_a_clock_that_is_seconds_behind_takes_the_same_slot() -> None:
    assert slots(now=at("2026-11-29T03:14:40+00:00")) == ["redis/2026-11-29T03:15Z"]


@database
def test_each_source_has_its_run_and_the_plan_its_attempts() -> None:
    BackupPlan.objects.filter(pk=1).update(attempts_max=5, retry_minutes=7)
    ask_scheduled("backup", task=TASK, sources=("redis", "limits"), now=NOW)
    runs = JobRun.objects.values_list("source", "attempts_max", "retry_minutes", "arguments__origin")
    assert set(runs) == {("redis", 5, 7, "schedule"), ("limits", 5, 7, "schedule")}


@database
def test_a_schedule_by_interval_takes_the_minute_of_now() -> None:
    interval = IntervalSchedule.objects.create(every=6, period="hours")
    PeriodicTask.objects.filter(task=TASK).update(crontab=None, interval=interval)
    assert slots(now=minutes(45)) == ["redis/2026-11-29T04:00Z"]


def made_up(*, now: datetime) -> list[str]:
    return [run.slot for run in make_up("backup", task=TASK, sources=("redis",), now=now)]


@database
def test_a_slot_that_beat_could_not_send_is_made_up_for() -> None:
    slots(now=NOW - timedelta(days=1))
    assert made_up(now=minutes(-2)) == []
    assert made_up(now=minutes(2)) == ["redis/2026-11-29T03:15Z"]
    assert made_up(now=minutes(3)) == []


@database
def test_a_schedule_moved_to_a_moment_before_the_last_run_makes_up_for_nothing() -> None:
    slots(now=NOW - timedelta(days=1))
    slots(now=minutes(0))
    earlier = CrontabSchedule.objects.create(minute="15", hour="2", timezone=UTC)
    PeriodicTask.objects.filter(task=TASK).update(crontab=earlier)
    assert made_up(now=minutes(3)) == []


@database
def test_a_fresh_site_makes_up_for_nothing() -> None:
    assert made_up(now=minutes(2)) == []


@database
def test_a_slot_of_long_ago_and_a_schedule_that_is_disabled_are_not_made_up_for() -> None:
    slots(now=NOW - timedelta(days=1))
    assert made_up(now=NOW + schedule.LATE_MAX + timedelta(minutes=1)) == []
    PeriodicTask.objects.filter(task=TASK).update(enabled=False)
    assert made_up(now=minutes(2)) == []
