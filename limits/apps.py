"""Rate limiting as a Django application."""

from typing import Any

import django_stubs_ext
from django.apps import AppConfig
from django.contrib.auth.signals import user_login_failed

from limits import charged

# Lets Django's classes take type arguments at run time (ModelForm[Policy]), as type checkers want them.
django_stubs_ext.monkeypatch()


class LimitsConfig(AppConfig):
    name = "limits"
    verbose_name = "Rate limits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from limits import checks  # noqa: F401 - registers them

        user_login_failed.connect(_note_failed_login, dispatch_uid="limits")


def _note_failed_login(sender: object, request: Any = None, **kwargs: Any) -> None:
    """For policies that count failed logins alone."""
    charged.note_failed_login(request)
