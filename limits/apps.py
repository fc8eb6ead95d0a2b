"""Rate limiting as a Django application."""

import django_stubs_ext
from django.apps import AppConfig

# Lets Django's classes take type arguments at run time (ModelForm[Policy]), as type checkers want them.
django_stubs_ext.monkeypatch()


class LimitsConfig(AppConfig):
    name = "limits"
    verbose_name = "Rate limits"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from limits import checks  # noqa: F401 - registers them
