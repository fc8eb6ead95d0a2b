"""Schedules and mail in the admin: nobody does more there than their rights say, and no secret is shown."""

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import Permission
from django.http import HttpResponse
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask, PeriodicTasks
from django_celery_beat.schedulers import ModelEntry
from post_office import mail
from post_office.models import STATUS, Email
from pytest_django import Settings

from celery_app import app
from portal.accounts.models import User

pytestmark = pytest.mark.django_db

TASKS = "/admin/django_celery_beat/periodictask/"
MAIL = "/admin/post_office/email/"
INLINE_SCRIPT = re.compile(r"<script(?![^>]*\bsrc=)(?![^>]*type=\"application/json\")[^>]*>\s*\S")
SECRET = "https://portal.example/password-reset/MQ/secret-token/"


@pytest.fixture
def admin(db: None) -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("chief", "chief@example.org"))
    return client


def may(*codenames: str) -> Client:
    """Return a browser of somebody who may do these things, and nothing else."""
    user = User.objects.create_user("somebody", "somebody@example.org", is_staff=True)
    user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
    client = Client()
    client.force_login(user)
    return client


def act(client: Client, path: str, action: str, *pks: int) -> HttpResponse:
    return client.post(path, {"action": action, "_selected_action": pks}, follow=True)


@pytest.fixture
def task(db: None) -> PeriodicTask:
    return PeriodicTask.objects.get(name="Forget old mail")


@pytest.fixture
def letter(db: None) -> Email:
    return mail.send("jane@example.org", "portal@example.org", subject="Your password", message=f"Open {SECRET}")


@pytest.mark.parametrize("model", ["periodictask", "intervalschedule", "crontabschedule"])
def test_the_pages_of_schedules_load_without_inline_script(admin: Client, model: str, task: PeriodicTask) -> None:
    crontab = CrontabSchedule.objects.create(minute="5")
    PeriodicTask.objects.create(name="By the clock", task="x", crontab=crontab, start_time=timezone.now())
    pk = {"periodictask": task.pk, "intervalschedule": task.interval_id, "crontabschedule": crontab.pk}[model]
    for path in ("", "add/", f"{pk}/change/", f"{pk}/delete/", f"{pk}/history/"):
        response = admin.get(f"/admin/django_celery_beat/{model}/{path}")
        assert response.status_code == 200, path
        page = response.content.decode()
        assert not INLINE_SCRIPT.search(page), path
        assert not re.search(r"<[^>]+\son[a-z]+=", page), path
        assert not re.search(r"<[^>]+\sstyle=", page), path


def test_the_list_needs_no_time_zones_in_the_database(admin: Client, task: PeriodicTask, settings: Settings) -> None:
    settings.TIME_ZONE = "Europe/Vienna"
    PeriodicTask.objects.update(start_time=timezone.now())
    assert admin.get(TASKS).status_code == 200


def test_the_form_offers_the_tasks_that_there_are(admin: Client) -> None:
    page = admin.get(f"{TASKS}add/").content.decode()
    assert 'value="limits.tasks.reconcile_policies"' in page
    assert 'value="portal.operations.tasks.send_mail"' in page


def test_a_schedule_is_made_and_changed_in_the_admin(admin: Client) -> None:
    interval = IntervalSchedule.objects.get(every=60)
    typed = {"name": "Mine", "regtask": "portal.operations.tasks.send_mail", "interval": interval.pk, "enabled": "on"}
    assert admin.post(f"{TASKS}add/", typed | {"args": "[]", "kwargs": "{}", "headers": "{}"}).status_code == 302
    assert PeriodicTask.objects.get(name="Mine").task == "portal.operations.tasks.send_mail"


@pytest.mark.parametrize("action", ["enable_tasks", "disable_tasks", "toggle_tasks", "run_tasks", "delete_selected"])
@pytest.mark.parametrize("codename", ["view_periodictask", "add_periodictask"])
def test_whoever_may_not_change_schedules_runs_no_action(action: str, codename: str, task: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=action != "enable_tasks")
    before = list(PeriodicTask.objects.values())
    act(may(codename), TASKS, action, task.pk)
    assert list(PeriodicTask.objects.values()) == before


def test_whoever_may_change_schedules_switches_them(task: PeriodicTask) -> None:
    somebody = may("view_periodictask", "change_periodictask")
    act(somebody, TASKS, "disable_tasks", task.pk)
    assert not PeriodicTask.objects.get(pk=task.pk).enabled
    act(somebody, TASKS, "enable_tasks", task.pk)
    assert PeriodicTask.objects.get(pk=task.pk).enabled


def is_due(task: PeriodicTask) -> bool:
    """Say whether beat would send a task now."""
    return bool(ModelEntry(PeriodicTask.objects.get(pk=task.pk), app=app).is_due().is_due)


def test_a_task_that_just_ran_is_due_at_once_when_somebody_asks(admin: Client, task: PeriodicTask) -> None:
    task.last_run_at = timezone.now()
    task.save()
    crontab = CrontabSchedule.objects.create(minute="0", hour="0", day_of_month="1", month_of_year="1")
    yearly = PeriodicTask.objects.create(name="Yearly", task="x", crontab=crontab, last_run_at=timezone.now())
    assert not is_due(task)
    assert not is_due(yearly)
    response = act(admin, TASKS, "run_tasks", task.pk, yearly.pk)
    assert "2 tasks are due now" in response.content.decode()
    assert is_due(task)
    assert is_due(yearly)


def test_beat_is_told_that_something_is_due(admin: Client, task: PeriodicTask) -> None:
    PeriodicTasks.objects.update_or_create(ident=1, defaults={"last_update": datetime(2020, 1, 1, tzinfo=UTC)})
    act(admin, TASKS, "run_tasks", task.pk)
    assert PeriodicTasks.last_change() > timezone.now() - timedelta(minutes=5)


def test_a_task_that_is_off_is_not_said_to_run(admin: Client, task: PeriodicTask) -> None:
    PeriodicTask.objects.filter(pk=task.pk).update(enabled=False)
    assert "0 tasks are due now" in act(admin, TASKS, "run_tasks", task.pk).content.decode()


def test_mail_is_shown_without_its_text(admin: Client, letter: Email) -> None:
    for path in ("", f"?q={letter.subject}", f"{letter.pk}/change/", f"{letter.pk}/delete/", f"{letter.pk}/history/"):
        page = admin.get(f"{MAIL}{path}").content.decode()
        assert "jane@example.org" in page
        assert "secret-token" not in page
    assert "Your password" in admin.get(f"{MAIL}{letter.pk}/change/").content.decode()


@pytest.mark.parametrize("model", ["log", "attachment", "emailtemplate"])
def test_what_else_the_mail_library_keeps_has_no_pages(admin: Client, model: str) -> None:
    assert admin.get(f"/admin/post_office/{model}/").status_code == 404


def test_mail_is_neither_made_nor_edited_by_hand(admin: Client, letter: Email) -> None:
    assert admin.get(f"{MAIL}add/").status_code == 403
    assert admin.post(f"{MAIL}add/", {"to": "x@example.org"}).status_code == 403
    admin.post(f"{MAIL}{letter.pk}/change/", {"to": "x@example.org", "message": "Other", "subject": "Other"})
    kept = Email.objects.get()
    assert (kept.to, kept.subject, kept.message) == (letter.to, letter.subject, letter.message)


@pytest.mark.parametrize(("codename", "status"), [("view_email", STATUS.failed), ("change_email", STATUS.queued)])
def test_sending_again_needs_change_rights(letter: Email, codename: str, status: int) -> None:
    Email.objects.update(status=STATUS.failed, number_of_retries=9)
    act(may(codename), MAIL, "send_again", letter.pk)
    assert Email.objects.get().status == status
