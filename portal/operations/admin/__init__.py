"""The care of Redis in Django's admin: one file a subject."""

from portal.operations.admin import (  # noqa: F401 - registers them
    alert_history,
    alert_rules,
    alerts,
    audit,
    backups,
    channels,
    checklist,
    mail,
    messages,
    plan,
    redis_servers,
    runs,
    schedules,
)
