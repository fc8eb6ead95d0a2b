"""Ending a run: it succeeded, it failed, or it was cut off. Each lets go of what the run held.

Only who began an attempt can end it: a run that was given up meanwhile stays as it is.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.operations.channels import tell
from portal.operations.models import JobRun
from portal.operations.runs.work import Outcome


def finish(run: JobRun, *, outcome: Outcome, now: datetime) -> bool:
    """Note that a run succeeded. Return whether it was still the caller's."""
    changes = {"state": JobRun.State.SUCCEEDED, "outcome": outcome.words, "subject": outcome.subject}
    return _end(_own(run), run=run, now=now, **changes)


def fail(run: JobRun, *, outcome: str, now: datetime) -> bool:
    """Note that a run failed: it waits for its next attempt, or the channels are told that it had its last.

    Return whether it was still the caller's.
    """
    return _fail(_own(run), run=run, outcome=outcome, now=now, state=JobRun.State.FAILED)


def cut_off(run: JobRun, *, outcome: str, now: datetime, silent_since: datetime | None = None) -> bool:
    """Note that a run was ended from outside, and go on as `fail` does.

    With `silent_since` it is done only where no sign of life came after that, which the caller saw.
    """
    rows = _own(run)
    if silent_since is not None:
        rows = rows.filter(alive_at__lte=silent_since)
    outcome = f"{outcome} It did not come to its end; what it had changed by then stays changed."
    return _fail(rows, run=run, outcome=outcome, now=now, state=JobRun.State.CUT_OFF)


def _own(run: JobRun) -> QuerySet[JobRun]:
    return JobRun.objects.filter(pk=run.pk, state=JobRun.State.RUNNING, attempt=run.attempt)


def _fail(rows: QuerySet[JobRun], *, run: JobRun, outcome: str, now: datetime, state: JobRun.State) -> bool:
    attempt = f"attempt {run.attempt} of {run.attempts_max}"
    if run.attempt < run.attempts_max:
        again_at = now + timedelta(minutes=run.retry_minutes)
        told = f"{outcome} That was {attempt}; the next is at {timezone.localtime(again_at):%H:%M}."
        return _end(rows, run=run, now=now, state=JobRun.State.WAITING, outcome=told, not_before=again_at)
    again = "It is not tried again by itself." if run.attempts_max == 1 else f"That was {attempt}, the last."
    with transaction.atomic():
        if is_own := _end(rows, run=run, now=now, state=state, outcome=outcome):
            tell(f"{state.label}: {run}", body=f"{outcome}\n\n{again}")
    return is_own


def _end(rows: QuerySet[JobRun], *, run: JobRun, now: datetime, **changes: Any) -> bool:
    changes |= {"holds": None, "ended_at": now, "done": run.done, "total": run.total, "progress": run.progress}
    if not rows.update(**changes):
        return False
    for name, value in changes.items():
        setattr(run, name, value)
    return True
