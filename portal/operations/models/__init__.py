"""What the care of Redis and of the workers remembers. Only services beneath `portal.operations` write it."""

from portal.operations.models.backups import Backup, BackupAction, BackupPlan, KeptData
from portal.operations.models.heartbeats import Heartbeat
from portal.operations.models.runs import JobRun
from portal.operations.models.watching import (
    Alert,
    AlertEvent,
    AlertRule,
    Channel,
    ChecklistRun,
    Delivery,
    FirstChannel,
    Message,
    RedisServer,
    Sample,
    Severity,
    Silence,
    Turn,
)

__all__ = [
    "Alert",
    "AlertEvent",
    "AlertRule",
    "Backup",
    "BackupAction",
    "BackupPlan",
    "Channel",
    "ChecklistRun",
    "Delivery",
    "FirstChannel",
    "Heartbeat",
    "JobRun",
    "KeptData",
    "Message",
    "RedisServer",
    "Sample",
    "Severity",
    "Silence",
    "Turn",
]
