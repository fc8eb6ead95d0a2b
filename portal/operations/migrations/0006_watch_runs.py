"""When dead runs are noticed and old ones forgotten. A schedule that is there already is left as it is."""

from typing import Any

from django.db import migrations

SECONDS, DAYS = "seconds", "days"
SCHEDULES = (
    ("Notice long jobs that died", "portal.operations.tasks.notice_dead_runs", 60, SECONDS, 50),
    ("Forget old runs of long jobs", "portal.operations.tasks.forget_old_runs", 1, DAYS, 3_600),
)


def load_schedules(apps: Any, schema_editor: Any) -> None:
    IntervalSchedule = apps.get_model("django_celery_beat", "IntervalSchedule")
    PeriodicTask = apps.get_model("django_celery_beat", "PeriodicTask")
    for name, task, every, period, expire_seconds in SCHEDULES:
        interval, _ = IntervalSchedule.objects.get_or_create(every=every, period=period)
        PeriodicTask.objects.get_or_create(
            name=name,
            defaults={"task": task, "interval": interval, "expire_seconds": expire_seconds},
        )


class Migration(migrations.Migration):
    dependencies = [("operations", "0005_long_schedules")]
    operations = [migrations.RunPython(load_schedules, migrations.RunPython.noop)]
