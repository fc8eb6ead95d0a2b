"""What runs periodically, and that a backlog of it dies out."""

from importlib import import_module

import pytest
from django.apps import apps
from django_celery_beat.models import PeriodicTask

from celery_app import app

pytestmark = pytest.mark.django_db


def test_every_periodic_task_is_one_that_a_worker_knows() -> None:
    app.loader.import_default_modules()
    tasks = set(PeriodicTask.objects.values_list("task", flat=True))
    assert "limits.tasks.reconcile_policies" in tasks
    assert tasks <= app.tasks.keys()


def test_every_periodic_task_expires_so_that_no_backlog_grows() -> None:
    for row in PeriodicTask.objects.all():
        assert row.expires or row.expire_seconds, row.name
        if row.interval and row.interval.period == "seconds":
            assert row.expire_seconds <= row.interval.every, row.name


def test_a_backup_is_taken_by_the_clock_not_by_an_interval() -> None:
    row = PeriodicTask.objects.get(task="portal.operations.long.back_up")
    assert row.interval is None
    assert (row.crontab.hour, row.crontab.minute) == ("3", "15")


def test_long_jobs_are_sent_to_their_queue() -> None:
    rows = PeriodicTask.objects.filter(task__startswith="portal.operations.long.")
    assert set(rows.values_list("queue", flat=True)) == {"long"}
    assert rows.count() == 2


def test_something_runs_often_enough_to_tell_that_beat_lives() -> None:
    seconds = PeriodicTask.objects.filter(enabled=True, interval__period="seconds")
    assert min(seconds.values_list("interval__every", flat=True)) <= 20


@pytest.mark.parametrize(
    ("migration", "name"), [("0002_schedules", "Send queued mail"), ("0005_long_schedules", "Back up Redis")]
)
def test_loading_again_leaves_an_edited_schedule_as_it_is(migration: str, name: str) -> None:
    PeriodicTask.objects.filter(name=name).update(enabled=False, expire_seconds=9)
    before = list(PeriodicTask.objects.values_list("name", "enabled", "expire_seconds", "interval", "crontab"))
    import_module(f"portal.operations.migrations.{migration}").load_schedules(apps, schema_editor=None)
    after = list(PeriodicTask.objects.values_list("name", "enabled", "expire_seconds", "interval", "crontab"))
    assert after == before
