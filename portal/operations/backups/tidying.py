"""Retention: what a plan says of the backups in the storage, and doing it."""

from collections.abc import Iterable
from datetime import datetime
from itertools import chain

from django.utils import timezone

from portal.operations.backups import inventory
from portal.operations.backups.keeping.kept import Kept, candidate
from portal.operations.backups.keeping.retention import Keep, Verdict, decide
from portal.operations.backups.keeping.shelf import Shelf
from portal.operations.backups.making import BEFORE_RESTORE
from portal.operations.backups.sources import ELSEWHERE
from portal.operations.models import BackupAction, BackupPlan


def keep_of(plan: BackupPlan) -> Keep:
    """Return a plan's numbers."""
    return Keep(
        last=plan.keep_last,
        hourly=plan.keep_hourly,
        daily=plan.keep_daily,
        weekly=plan.keep_weekly,
        monthly=plan.keep_monthly,
        yearly=plan.keep_yearly,
    )


def verdicts(kept: Iterable[Kept], *, plan: BackupPlan, now: datetime) -> tuple[Verdict, ...]:
    """Return what the plan says of each backup, group by group.

    A part of the keys is judged among its like: it must never stand for a whole backup.
    """
    groups: dict[tuple[str, bool], list[Kept]] = {}
    for each in kept:
        groups.setdefault((each.manifest.source, is_whole(each)), []).append(each)
    local = timezone.localtime(now)
    return tuple(
        chain.from_iterable(decide(map(candidate, group), keep=keep_of(plan), now=local) for group in groups.values())
    )


def tidy(source: str, *, now: datetime, shelf: Shelf) -> tuple[str, ...]:
    """Delete what the plan does not keep of a source's backups; return their names. Raises CannotReach.

    To be called after a backup of the source was proven, and never otherwise. What restores replaced on servers that
    are none of ours goes by the plan then, too.
    """
    kept = {each.name: each for each in shelf.kept() if each.manifest.source in (source, ELSEWHERE)}
    plan = BackupPlan.current()
    gone = [verdict.name for verdict in verdicts(kept.values(), plan=plan, now=now) if not verdict.kept]
    for name in gone:
        shelf.delete(kept[name])
        inventory.note_deleted(name)
        inventory.note_action(
            BackupAction.Done.DELETED, backup=name, who="", now=now, words="The plan keeps it no longer."
        )
    return tuple(gone)


def is_whole(kept: Kept) -> bool:
    """Say whether a backup is of all keys of its source."""
    return not kept.manifest.prefixes and kept.manifest.origin != BEFORE_RESTORE
