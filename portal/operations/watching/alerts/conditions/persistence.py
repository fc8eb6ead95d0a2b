"""Persistence: whether what is counted would outlive a restart."""

from portal.operations.watching.alerts.conditions.condition import Condition, Found, of_servers, yes_or_no
from portal.operations.watching.readings import Reading, ServerLook


def _save_failed(server: ServerLook, reading: Reading) -> Found:
    return yes_or_no(reading.save_failed, yes="Its last snapshot failed.", no="Its last snapshot succeeded.")


def _aof_failed(server: ServerLook, reading: Reading) -> Found:
    return yes_or_no(
        reading.aof_failed,
        yes="A write or a rewrite of its append-only file failed.",
        no="Its append-only file is written, if it has one.",
    )


_ADVICE = "See its log: is the disk full, may it write to its folder, is there memory for a fork?"

CONDITIONS = (
    Condition(
        key="save_failed",
        title="Snapshot failed",
        compares="Whether the last snapshot failed (rdb_last_bgsave_status).",
        headline="Redis {target} cannot save",
        meaning="By default Redis then refuses every write (MISCONF), and limits do not hold.",
        advice=_ADVICE,
        find=of_servers(_save_failed),
        is_yes_or_no=True,
    ),
    Condition(
        key="aof_failed",
        title="Append-only file failed",
        compares="Whether a write or a rewrite of the append-only file failed (aof_last_write_status and the like).",
        headline="Redis {target} cannot write its append-only file",
        meaning="Redis then refuses every write (MISCONF), and limits do not hold.",
        advice=_ADVICE,
        find=of_servers(_aof_failed),
        is_yes_or_no=True,
    ),
)
