"""The care of Redis in Django's admin: one file a subject, in rooms where one takes several."""

from portal.operations.admin import (  # noqa: F401 - registers them
    audit,
    backups,
    checklist,
    mail,
    plan,
    runs,
    schedules,
)
from portal.operations.admin.alerting import alerts, history, rules  # noqa: F401
from portal.operations.admin.servers import redis_servers  # noqa: F401
from portal.operations.admin.telling import channels, messages  # noqa: F401
