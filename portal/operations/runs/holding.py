"""Beginning a run: one wins it, and holds what it needs alone; who shows no sign of life loses it."""

from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.utils import timezone

from portal.operations.models import JobRun
from portal.operations.runs.asking import still_wanted
from portal.operations.runs.ending import cut_off

STALE = timedelta(minutes=15)
"""A run that was silent for so long is taken for dead. Generous, for a slow disk or a distant storage may be, too."""


def begin(run: JobRun, *, holds: str | None, now: datetime) -> bool:
    """Begin the next attempt of a waiting run, and hold what it needs; return whether the caller won it.

    False: somebody else began it, it is not wanted any more, or another run holds the same (`holder` tells which). Who
    held it and died is noticed first.
    """
    notice_cut_off(now=now)
    changes = {"holds": holds, "attempt": run.attempt + 1, "began_at": now, "alive_at": now, "state": run.State.RUNNING}
    fresh = {"ended_at": None, "not_before": None, "outcome": "", "progress": "", "done": None, "total": None}
    waiting = JobRun.objects.filter(still_wanted(now), pk=run.pk, state=run.State.WAITING, attempt=run.attempt)
    try:
        with transaction.atomic():
            is_won = waiting.update(**changes, **fresh)
    except IntegrityError:
        _wait_for(holder(holds), run=run)
        return False
    if is_won:
        run.refresh_from_db()
    return bool(is_won)


def holder(holds: str | None) -> JobRun | None:
    """Return the run that holds something now, if any."""
    return JobRun.objects.filter(holds=holds).first() if holds else None


def notice_cut_off(*, now: datetime) -> list[JobRun]:
    """End the runs that show no sign of life, and return them; each is told once, whoever looks."""
    silent = JobRun.objects.filter(state=JobRun.State.RUNNING, alive_at__lte=now - STALE)
    return [run for run in silent.order_by("pk") if _cut_off(run, now=now)]


def _cut_off(run: JobRun, *, now: datetime) -> bool:
    outcome = f"It was cut off: the last sign of life came at {timezone.localtime(run.alive_at):%Y-%m-%d %H:%M}."
    return cut_off(run, outcome=outcome, now=now, silent_since=run.alive_at)


def _wait_for(other: JobRun | None, *, run: JobRun) -> None:
    words = f"Waits until “{other}” is over." if other else ""
    JobRun.objects.filter(pk=run.pk, state=JobRun.State.WAITING).update(progress=words[:200])
