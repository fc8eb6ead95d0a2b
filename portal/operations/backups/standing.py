"""How it stands with backups, in one glance: the newest proven one of each source, and when the next is due."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from django.utils import timezone
from django.utils.timesince import timesince
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from portal.operations.backups import due
from portal.operations.backups.rows import newest_proven
from portal.operations.backups.sources import source_names
from portal.operations.backups.work import BACKUP
from portal.operations.models import Backup, JobRun
from portal.operations.units import plain

_FAILURES_SHOWN_FOR = timedelta(days=30)


class Verdict(StrEnum):
    """Whether one may sleep."""

    GOOD = "good"
    LATE = "late"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Standing:
    """Of one source: the newest proven backup of all its keys, and since when there should be one."""

    source: str
    newest: Backup | None
    expected_since: datetime

    @property
    def age(self) -> str:
        """How old it is, in words."""
        return age_words(self.newest) if self.newest else ""

    @property
    def verdict(self) -> Verdict:
        """Say whether there is one, and in time."""
        if self.newest is None:
            return Verdict.NONE
        return Verdict.LATE if self.newest.began_at < self.expected_since else Verdict.GOOD

    @property
    def words(self) -> str:
        """How it stands, as a sentence."""
        if self.newest is None:
            return f"There is no proven backup of {self.source}."
        late = f": there should be one from {timezone.localtime(self.expected_since):%Y-%m-%d %H:%M} or later"
        age = f"The newest proven backup of {self.source} is {self.age} old"
        return f"{age}{late if self.verdict is Verdict.LATE else ''}."


@dataclass(frozen=True, slots=True)
class Schedule:
    """When backups are made by themselves; `task` is the row in which it stands, if it is there."""

    task: PeriodicTask | None

    @property
    def is_on(self) -> bool:
        """Say whether there is one that beat follows."""
        return bool(self.task and self.task.enabled)

    @property
    def words(self) -> str:
        """When, in words: `every day at 03:15 UTC`; '' without one."""
        if self.task is None:
            return ""
        crontab = self.task.crontab
        if crontab is None:
            return str(self.task.scheduler)
        if crontab.hour.isdigit() and crontab.minute.isdigit() and _is_daily(crontab):
            return f"every day at {int(crontab.hour):02}:{int(crontab.minute):02} {crontab.timezone}"
        words = str(crontab.human_readable)
        return words[:1].lower() + words[1:]

    def next_at(self, *, now: datetime) -> datetime | None:
        """Return the next moment; None where there is none."""
        if self.task is None or not self.task.enabled:
            return None
        schedule = self.task.schedule
        since = now if self.task.crontab_id else self.task.last_run_at or now
        next_at: datetime = now + schedule.remaining_estimate(since)
        # The estimate is reckoned from a clock of its own, some milliseconds on.
        return (next_at + timedelta(seconds=1)).replace(microsecond=0)

    def expected_since(self, *, now: datetime) -> datetime:
        """Return the moment of the newest backup that should be there by now."""
        return due.expected_since(self.task, now=now)


def _is_daily(crontab: CrontabSchedule) -> bool:
    return {crontab.day_of_week, crontab.day_of_month, crontab.month_of_year} == {"*"}


def schedule() -> Schedule:
    """Return the schedule of backups."""
    return Schedule(due.scheduled_task())


def standings(*, now: datetime) -> tuple[Standing, ...]:
    """Return how it stands with each source."""
    since = schedule().expected_since(now=now)
    return tuple(Standing(name, newest=newest_proven(name), expected_since=since) for name in source_names())


def active_runs() -> list[JobRun]:
    """Return what runs or waits, that which runs first."""
    active = JobRun.objects.filter(state__in=(JobRun.State.RUNNING, JobRun.State.WAITING))
    return sorted(active, key=lambda run: (run.state != JobRun.State.RUNNING, run.pk))


def last_failure(source: str, *, now: datetime) -> JobRun | None:
    """Return the last backup of a source that failed within a month, unless a later one succeeded."""
    ended = JobRun.objects.filter(job=BACKUP, source=source, ended_at__gt=now - _FAILURES_SHOWN_FOR)
    last = ended.order_by("-ended_at", "-pk").first()
    return None if last is None or last.state == JobRun.State.SUCCEEDED else last


def age_words(row: Backup) -> str:
    """Return how old a backup is, by its two largest units: `5 hours, 12 minutes`."""
    words = plain(timesince(row.began_at))
    return "less than a minute" if words.startswith("0 ") else words
