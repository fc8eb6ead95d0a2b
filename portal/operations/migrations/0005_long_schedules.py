"""When long jobs run, on the queue for them, and the plan of backups. What is there already is left as it is."""

from typing import Any

from django.conf import settings
from django.db import migrations

QUEUE = "long"
NIGHTLY = {"minute": "15", "hour": "3", "day_of_week": "*", "day_of_month": "*", "month_of_year": "*"}
BACK_UP = ("Back up Redis", "portal.operations.long.back_up")
RUN_WAITING = ("Perform long jobs that wait", "portal.operations.long.run_waiting")
BACK_UP_TOLD = (
    "Runs a slot of its schedule once: asked to run now, it makes up for a slot that was missed, and else does nothing."
)


def load_schedules(apps: Any, schema_editor: Any) -> None:
    IntervalSchedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    CrontabSchedule = apps.get_model("django_celery_beat", "CrontabSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    # Not an interval, which a portal that is restarted more often never comes to.
    nightly, _ = CrontabSchedule.objects.get_or_create(**NIGHTLY, timezone=settings.TIME_ZONE)
    often, _ = IntervalSchedule.objects.get_or_create(every=30, period="seconds")
    name, task = BACK_UP
    PeriodicTask.objects.get_or_create(
        name=name,
        defaults={
            "task": task,
            "crontab": nightly,
            "expire_seconds": 12 * 3600,
            "queue": QUEUE,
            "description": BACK_UP_TOLD,
        },
    )
    name, task = RUN_WAITING
    PeriodicTask.objects.get_or_create(
        name=name,
        defaults={"task": task, "interval": often, "expire_seconds": 25, "queue": QUEUE},
    )


def load_plan(apps: Any, schema_editor: Any) -> None:
    apps.get_model("operations", "BackupPlan").objects.get_or_create(pk=1)


class Migration(migrations.Migration):
    dependencies = [
        ("operations", "0004_runs_and_backups"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [
        migrations.RunPython(load_schedules, migrations.RunPython.noop),
        migrations.RunPython(load_plan, migrations.RunPython.noop),
    ]
