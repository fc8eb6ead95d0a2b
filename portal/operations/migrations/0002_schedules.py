"""When periodic work runs. A schedule that is there already is left as it is."""

from typing import Any

from django.db import migrations

SECONDS, DAYS = "seconds", "days"
SCHEDULES = (
    ("Bring Redis into step with the policies", "limits.tasks.reconcile_policies", 60, SECONDS, 50),
    ("Send queued mail", "portal.operations.tasks.send_mail", 5, SECONDS, 5),
    ("Forget old mail", "portal.operations.tasks.forget_old_mail", 1, DAYS, 3_600),
    ("Forget old sessions", "portal.operations.tasks.forget_old_sessions", 1, DAYS, 3_600),
    ("Forget old registrations", "portal.accounts.tasks.forget_old_registrations", 1, DAYS, 3_600),
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
    dependencies = [
        ("operations", "0001_initial"),
        ("django_celery_beat", "0019_alter_periodictasks_options"),
    ]
    operations = [migrations.RunPython(load_schedules, migrations.RunPython.noop)]
