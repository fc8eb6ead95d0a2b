"""Runs by the schedule: which slot is due, and asking for what was not asked for yet.

A slot is the moment that the schedule says, not that at which a task came to run: so two beats, or a message that
was late, ask for the same one.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

from django_celery_beat.models import PeriodicTask
from django_celery_beat.tzcrontab import TzAwareCrontab

from portal.operations.models import BackupPlan, JobRun
from portal.operations.runs.asking import ask

BY_SCHEDULE = {"origin": "schedule"}
LATE_MAX = timedelta(hours=12)
"""A slot that was missed for so long is not made up for."""
_LOOK_BACK = timedelta(days=366)
# A clock that is behind beat's must not take the slot before.
_CLOCKS_APART = timedelta(minutes=1)
_MINUTE = timedelta(minutes=1)


def ask_scheduled(job: str, *, task: str, sources: Iterable[str], now: datetime) -> list[JobRun]:
    """Ask for a run of each source in the slot that the task's schedule has come to; return those that are new."""
    moment = _last_moment(task, now=now) or now
    return _ask(job, sources=sources, moment=moment, now=now)


def make_up(job: str, *, task: str, sources: Iterable[str], now: datetime) -> list[JobRun]:
    """Ask for what beat could not: a broker that was away at the moment costs a run half a minute, not a night.

    Only what has run by its schedule before: a site that was just installed waits for its first slot. Nor for a moment
    after which a run was asked for: a schedule that was set to an earlier hour has missed nothing.
    """
    moment = _last_moment(task, now=now - _CLOCKS_APART)
    if moment is None or moment < now - LATE_MAX:
        return []
    scheduled = JobRun.objects.filter(job=job, arguments__origin="schedule")
    known = set(scheduled.values_list("source", flat=True))
    asked_since = set(scheduled.filter(asked_at__gte=moment).values_list("source", flat=True))
    return _ask(job, sources=known.intersection(sources) - asked_since, moment=moment, now=now)


def slot_of(source: str, *, moment: datetime) -> str:
    """Return the name of a source's slot, such as redis/2026-11-29T03:15Z."""
    return f"{source}/{moment.astimezone(UTC):%Y-%m-%dT%H:%MZ}"


def last_moment(schedule: TzAwareCrontab, *, now: datetime) -> datetime | None:
    """Return, in UTC, the last whole minute up to `now` that a schedule names in its own time zone.

    None where there was none for a year. A time that the clocks skip in spring is none on that day.
    """
    moment = now.astimezone(UTC).replace(second=0, microsecond=0)
    while moment > now - _LOOK_BACK:
        local = moment.astimezone(schedule.tz)
        if not _names_hour(schedule, local=local):
            moment -= local.minute * _MINUTE + _MINUTE
        elif local.minute not in schedule.minute:
            moment -= _MINUTE
        else:
            return moment
    return None


def _names_hour(schedule: TzAwareCrontab, *, local: datetime) -> bool:
    return (
        local.hour in schedule.hour
        and local.month in schedule.month_of_year
        and local.day in schedule.day_of_month
        and local.isoweekday() % 7 in schedule.day_of_week
    )


def _last_moment(task: str, *, now: datetime) -> datetime | None:
    """Return the last moment of a task's schedule; None where it has none by the clock, or is disabled."""
    row = PeriodicTask.objects.filter(task=task, enabled=True, crontab__isnull=False).first()
    return last_moment(row.schedule, now=now + _CLOCKS_APART) if row else None


def _ask(job: str, *, sources: Iterable[str], moment: datetime, now: datetime) -> list[JobRun]:
    plan = BackupPlan.current()
    asked = [
        ask(
            job,
            slot=slot_of(source, moment=moment),
            source=source,
            now=now,
            arguments=BY_SCHEDULE,
            attempts_max=plan.attempts_max,
            retry_minutes=plan.retry_minutes,
        )
        for source in sources
    ]
    return [run for run in asked if run]
