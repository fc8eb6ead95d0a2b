"""The care of Redis in Django's admin: one file a subject."""

from portal.operations.admin import audit, backups, mail, plan, runs, schedules  # noqa: F401 - registers them
