"""When a backup should have been made: by the schedule that beat follows, or within a day where there is none."""

from datetime import datetime, timedelta

from django_celery_beat.models import PeriodicTask

from portal.operations import long
from portal.operations.runs.schedule import last_moment

GRACE = timedelta(hours=2)
"""A backup is not late before it was due for so long: it takes its time, and is tried again."""
_WITHOUT_SCHEDULE = timedelta(days=1)


def scheduled_task() -> PeriodicTask | None:
    """Return the row in which the schedule of backups stands, one that is on before one that is off."""
    return PeriodicTask.objects.filter(task=long.back_up.name).order_by("-enabled", "pk").first()


def expected_since(task: PeriodicTask | None, *, now: datetime) -> datetime:
    """Return the moment of the newest backup that should be there by now."""
    if task is not None and task.enabled:
        if task.crontab_id:
            return last_moment(task.schedule, now=now - GRACE) or now - timedelta(days=366)
        if task.interval_id:
            every: timedelta = task.schedule.run_every
            return now - every - GRACE
    return now - _WITHOUT_SCHEDULE - GRACE
