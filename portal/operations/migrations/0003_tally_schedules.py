"""When tallies are saved and forgotten, and ended overrides too. A schedule that is there already is left as it is."""

from typing import Any

from django.db import migrations

SECONDS, HOURS, DAYS = "seconds", "hours", "days"
SCHEDULES = (
    ("Save tallies", "limits.tasks.save_tallies", 60, SECONDS, 50),
    ("Forget old tallies", "limits.tasks.forget_old_tallies", 1, DAYS, 3_600),
    ("Forget ended overrides", "limits.tasks.forget_ended_overrides", 1, HOURS, 1_800),
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
    dependencies = [("operations", "0002_schedules")]
    operations = [migrations.RunPython(load_schedules, migrations.RunPython.noop)]
