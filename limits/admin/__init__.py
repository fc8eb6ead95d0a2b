"""Rate limits in Django's admin: one file a subject."""

from limits.admin import policies  # noqa: F401 - registers it
