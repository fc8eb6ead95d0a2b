"""What the care of Redis and of the workers remembers. Only services beneath `portal.operations` write it."""

from portal.operations.models.backups import Backup, BackupAction, BackupPlan, KeptData
from portal.operations.models.heartbeats import Heartbeat
from portal.operations.models.runs import JobRun

__all__ = ["Backup", "BackupAction", "BackupPlan", "Heartbeat", "JobRun", "KeptData"]
