"""Schedules in the admin, so that nobody can do there what their rights do not say."""

import json
from datetime import timedelta

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django_celery_beat import admin as beat_admin
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)

import celery_app  # noqa: F401 - else the form of a schedule offers the tasks of no application

LONG_AGO = timedelta(days=366)

for _model in (PeriodicTask, SolarSchedule, ClockedSchedule):
    if admin.site.is_registered(_model):
        admin.site.unregister(_model)
for _model in (IntervalSchedule, CrontabSchedule):
    if not admin.site.is_registered(_model):
        admin.site.register(_model)


class PeriodicTaskForm(beat_admin.PeriodicTaskForm):
    """Arguments must be what a task can be called with: anything else ends beat or the worker."""

    def clean_args(self) -> str:
        return self._json("args", kind=list, words="a list, such as [1, 2]")

    def clean_kwargs(self) -> str:
        return self._json("kwargs", kind=dict, words='an object, such as {"days": 7}')

    def _json(self, name: str, *, kind: type, words: str) -> str:
        text: str = self._clean_json(name)
        if not isinstance(json.loads(text), kind):
            raise forms.ValidationError(f"This must be {words}.")
        return text


@admin.register(PeriodicTask)
class PeriodicTaskAdmin(beat_admin.PeriodicTaskAdmin):
    """django-celery-beat's own, with actions that need change rights and without its inline script."""

    form = PeriodicTaskForm
    change_form_template = None
    # Not the message's headers and routes: they override Celery's own, and a wrong one ends the worker for good.
    fieldsets = (
        (None, {"fields": ("name", "regtask", "task", "enabled", "description")}),
        ("Schedule", {"fields": ("interval", "crontab", "clocked", "start_time", "last_run_at", "one_off")}),
        ("Arguments", {"fields": ("args", "kwargs"), "classes": ("collapse",)}),
        ("Expiry", {"fields": ("expires", "expire_seconds"), "classes": ("collapse",)}),
    )
    date_hierarchy = None  # MariaDB has no time zones until somebody loads them, and the list would fail
    actions = ("enable_tasks", "disable_tasks", "run_tasks")

    @admin.action(description="Enable selected tasks", permissions=["change"])
    def enable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        super().enable_tasks(request, queryset)

    @admin.action(description="Disable selected tasks", permissions=["change"])
    def disable_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        super().disable_tasks(request, queryset)

    @admin.action(description="Run selected tasks now", permissions=["change"])
    def run_tasks(self, request: HttpRequest, queryset: QuerySet[PeriodicTask]) -> None:
        # Sooner than waiting for the broker within a page, beat is told that they are due. A run of long ago says so;
        # for none beat takes the moment of the last change, which is that of the last run.
        number = queryset.filter(enabled=True).update(last_run_at=timezone.now() - LONG_AGO)
        beat_admin.PeriodicTasks.update_changed()
        self.message_user(request, f"{number} tasks are due now; beat runs them within seconds.")
