"""Asking for a run, and finding those whose time has come."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from portal.operations.channels import tell
from portal.operations.models import JobRun

BEGUN_WITHIN = timedelta(days=1)


def ask(
    job: str,
    *,
    slot: str,
    source: str,
    now: datetime,
    asked_by: str = "",
    subject: str = "",
    arguments: Mapping[str, Any] | None = None,
    attempts_max: int = 1,
    retry_minutes: int = 10,
    within: timedelta = BEGUN_WITHIN,
) -> JobRun | None:
    """Ask for a run of a job; return it, or None where its slot has one already.

    `subject` is the name of the backup that it is about, if it is about one.

    What nobody begins `within` that time is not done any more: a restore that waited for a worker over the weekend
    must not surprise people on Monday.
    """
    try:
        with transaction.atomic():
            return JobRun.objects.create(
                job=job,
                slot=slot,
                source=source,
                arguments=dict(arguments or {}),
                asked_by=asked_by,
                subject=subject,
                asked_at=now,
                not_after=now + within,
                attempts_max=attempts_max,
                retry_minutes=retry_minutes,
            )
    except IntegrityError:
        return None


def due(*, now: datetime) -> QuerySet[JobRun]:
    """Return the waiting runs whose time has come, those first that were asked for first."""
    waiting = JobRun.objects.filter(still_wanted(now), state=JobRun.State.WAITING)
    return waiting.filter(Q(not_before=None) | Q(not_before__lte=now)).order_by("pk")


def drop_overdue(*, now: datetime) -> list[JobRun]:
    """End the runs that nobody began in time, tell the channels, and return them."""
    waiting = JobRun.objects.filter(state=JobRun.State.WAITING).exclude(still_wanted(now))
    return [run for run in waiting.order_by("pk") if _drop(run, now=now)]


def forget(*, before: datetime) -> int:
    """Delete the rows of runs that are over and were asked for before a moment; return how many."""
    over = JobRun.objects.exclude(state__in=(JobRun.State.WAITING, JobRun.State.RUNNING)).filter(asked_at__lt=before)
    number, _ = over.delete()
    return number


def still_wanted(now: datetime) -> Q:
    """Return the condition that a run may begin; one that has begun before, and failed, may at any time."""
    return Q(attempt__gt=0) | Q(not_after=None) | Q(not_after__gt=now)


def _drop(run: JobRun, *, now: datetime) -> bool:
    until = f"{timezone.localtime(run.not_after):%Y-%m-%d %H:%M}"
    run.outcome = (
        f"Nobody could begin it until {until}, so it is not done any more. "
        "See that a worker of the queue “long” runs and that nothing else runs for so long; then ask for it again."
    )
    run.state, run.ended_at = JobRun.State.FAILED, now
    waiting = JobRun.objects.filter(pk=run.pk, state=JobRun.State.WAITING, attempt=0)
    with transaction.atomic():
        if dropped := bool(waiting.update(state=run.state, ended_at=now, outcome=run.outcome)):
            tell(f"Not begun: {run}", body=run.outcome)
    return dropped
