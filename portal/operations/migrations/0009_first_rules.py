"""The first alert rules. A name that is there already is left as it is, and so is what people delete later."""

from typing import Any

from django.db import migrations

INFO, WARNING, CRITICAL = 1, 2, 3

# Name, condition, fires at, recovers at, for seconds, over when good for seconds, severity, told again every minutes.
RULES = (
    ("Redis down", "down", 0, None, 0, 30, CRITICAL, 60),
    ("Sentinels or Cluster not reached", "set_failed", 0, None, 15, 30, CRITICAL, 240),
    ("Redis loading its data", "loading", 0, None, 60, 0, WARNING, 240),
    ("Redis restarted", "restarted", 0, None, 0, 300, WARNING, 0),
    ("Role changed", "role_changed", 0, None, 0, 300, WARNING, 0),
    ("Slow answers", "latency", 100, 50, 120, 120, WARNING, 240),
    ("Memory above 75 %", "memory_share", 75, 70, 120, 120, WARNING, 240),
    ("Memory above 90 %", "memory_share", 90, 85, 120, 120, CRITICAL, 60),
    ("Host memory above 85 %", "resident_share", 85, 80, 120, 120, WARNING, 240),
    ("Memory full within 4 hours", "hours_until_full", 4, 6, 900, 900, WARNING, 240),
    ("Fragmentation", "fragmentation", 1.5, 1.4, 900, 900, INFO, 1440),
    ("Swapped out", "swapped", 1, 1.05, 900, 900, WARNING, 240),
    ("Evictions where limits are counted", "evictions", 0, None, 0, 300, CRITICAL, 60),
    ("Writes refused", "refused_writes", 0, None, 0, 300, CRITICAL, 60),
    # A minute. Who looks into a server under a narrow user is refused a few; so is a checklist.
    ("Commands refused for missing rights", "missing_rights", 60, 1, 0, 300, WARNING, 240),
    ("Limiter degraded", "limiter_degraded", 0, None, 10, 60, CRITICAL, 60),
    ("Policies out of step", "policies_out_of_step", 0, None, 60, 0, WARNING, 240),
    ("Clients above 80 %", "clients_share", 80, 75, 120, 120, WARNING, 240),
    ("Clients above 90 %", "clients_share", 90, 85, 120, 120, CRITICAL, 60),
    ("Connections rejected", "rejected_connections", 0, None, 0, 300, CRITICAL, 60),
    # A failover takes a node's timeout, 15 s by default, and the vote.
    ("Cluster failed", "cluster_failed", 0, None, 30, 30, CRITICAL, 60),
    ("Replica cut off", "link_down", 0, None, 60, 30, WARNING, 240),
    ("Replica behind", "behind", 64, 16, 120, 120, WARNING, 240),
    ("Replica lost", "replicas_lost", 0, None, 60, 30, WARNING, 240),
    ("Snapshot failed", "save_failed", 0, None, 0, 60, CRITICAL, 240),
    ("Append-only file failed", "aof_failed", 0, None, 0, 60, CRITICAL, 240),
    ("No proven backup for 26 hours", "backup_age", 26, None, 0, 0, WARNING, 1440),
    ("Worker silent", "worker_silent", 0, None, 60, 30, WARNING, 240),
    ("Beat silent", "beat_silent", 0, None, 60, 30, WARNING, 240),
    ("Channel fails for an hour", "channel_failing", 60, None, 0, 0, WARNING, 1440),
)


def load_rules(apps: Any, schema_editor: Any) -> None:
    AlertRule = apps.get_model("operations", "AlertRule")
    for name, condition, threshold, recover_at, for_seconds, recover_seconds, severity, repeat_minutes in RULES:
        AlertRule.objects.get_or_create(
            name=name,
            defaults={
                "condition": condition,
                "threshold": threshold,
                "recover_at": recover_at,
                "for_seconds": for_seconds,
                "recover_seconds": recover_seconds,
                "severity": severity,
                "repeat_minutes": repeat_minutes,
            },
        )


class Migration(migrations.Migration):
    dependencies = [("operations", "0008_watch_schedules")]
    operations = [migrations.RunPython(load_rules, migrations.RunPython.noop)]
