"""When Redis is watched and what that leaves is thinned out. A schedule that is there already is left as it is."""

from typing import Any

from django.db import migrations

SECONDS, MINUTES = "seconds", "minutes"
SCHEDULES = (
    ("Watch Redis", "portal.operations.tasks.watch_redis", 15, SECONDS, 12),
    ("Thin out samples and old alerts", "portal.operations.tasks.thin_out_watching", 5, MINUTES, 250),
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
    dependencies = [("operations", "0007_watching")]
    operations = [migrations.RunPython(load_schedules, migrations.RunPython.noop)]
