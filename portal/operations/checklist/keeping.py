"""Runs of the checklist that are kept: what was found, when, and who asked."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction

from portal.operations.checklist.lines import LINES
from portal.operations.checklist.values import Result, result_of
from portal.operations.models import ChecklistRun

KEPT_RUNS = 50
_LATEST = 5
"""Among so many of the latest is one that is whole: others were broken off, or are under way."""


def begin(*, asked_by: str, now: datetime) -> ChecklistRun:
    """Return a run that has found nothing yet; old ones go."""
    run = ChecklistRun.objects.create(at=now, asked_by=asked_by[:254])
    kept = ChecklistRun.objects.order_by("-pk").values_list("pk", flat=True)[:KEPT_RUNS]
    ChecklistRun.objects.exclude(pk__in=list(kept)).delete()
    return run


def add(run: ChecklistRun, results: Sequence[Result], *, took_milliseconds: int) -> None:
    """Keep what was found, in the place of what the same lines found before in this run."""
    with transaction.atomic():
        # Parts of a run may end at the same moment.
        run.refresh_from_db(from_queryset=ChecklistRun.objects.select_for_update())
        found = {line["id"]: line for line in run.lines} | {result.id: result.as_dict() for result in results}
        run.lines = list(found.values())
        run.took_milliseconds += took_milliseconds
        run.save(update_fields=["lines", "took_milliseconds"])


def results_of(run: ChecklistRun) -> dict[str, Result]:
    """Return what a run found, by the ids of the lines that there still are."""
    known = {line.id for line in LINES}
    return {told["id"]: result_of(told) for told in run.lines if told["id"] in known}


def latest() -> ChecklistRun | None:
    """Return the latest run that looked at every line; where there is none, the latest."""
    runs = list(ChecklistRun.objects.order_by("-pk")[:_LATEST])
    whole = (run for run in runs if len(results_of(run)) == len(LINES))
    return next(whole, runs[0] if runs else None)
