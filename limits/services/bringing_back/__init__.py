"""Policies, overrides and revisions, brought back from an export, in one transaction.

What is missing is made, what differs becomes as the export has it, and what the export does not know stays, unless all
shall be exactly as it was. A dry run does all of it, and takes it back: what it tells is what would be.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any, BinaryIO

from django.db import transaction
from django.utils import timezone

from limits import sync
from limits.core.export import Reader
from limits.core.export_rows import OverrideRow, PolicyRow, RevisionRow, Row, written
from limits.services.bringing_back.done import Done, LeftOut
from limits.services.bringing_back.overrides import Overrides
from limits.services.bringing_back.policies import bring_policies_back
from limits.services.bringing_back.revisions import Revisions
from limits.services.exports import Progress, not_told, told
from limits.services.one_moment import ROWS_AT_ONCE
from limits.services.revisions import Actor

__all__ = ["BroughtBack", "Done", "LeftOut", "bring_back"]


@dataclass(frozen=True, slots=True)
class BroughtBack:
    """What was done, or would be; `revisions`: how many came back. `taken_at`: when the export was made."""

    taken_at: datetime
    policies: Done
    overrides: Done
    revisions: int
    is_dry_run: bool

    @property
    def changes_nothing(self) -> bool:
        """Whether everything was there already."""
        return not (self.policies.number or self.overrides.number or self.revisions)

    @property
    def left_out(self) -> tuple[LeftOut, ...]:
        """What could not be brought back, or not be deleted, and why."""
        return self.policies.left_out + self.overrides.left_out


def bring_back(
    file: BinaryIO,
    *,
    actor: Actor,
    dry_run: bool = False,
    exact: bool = False,
    at: datetime | None = None,
    progress: Progress = not_told,
) -> BroughtBack:
    """Bring back what an export holds; return what was done. Twice does nothing the second time.

    With `exact`, policies and overrides that the export does not know are deleted, those for users and groups who are
    gone among them; revisions never are. An override for a user or a group who does not exist is left out: bring back
    again once they do. Raises ExportError when the
    export cannot be read to its end; then nothing is changed.
    """
    now = at or timezone.now()
    with transaction.atomic():
        reader = Reader(file)
        reason = f"Brought back from the export of {written(reader.head.at)[:16].replace('T', ' ')} UTC."
        policies: list[PolicyRow] = []
        overrides = Overrides(exact=exact, at=now)
        revisions = Revisions(head=reader.head, at=now, dry_run=dry_run)
        for rows in _pages(told(reader.rows(), total=reader.head.rows, progress=progress)):
            match rows[0]:
                case PolicyRow():
                    policies += rows
                case OverrideRow():
                    overrides.bring_back(rows)
                case RevisionRow():
                    revisions.bring_back(rows)
        # What is written from here on comes after all history.
        revisions_back = revisions.finish()
        policies_done = bring_policies_back(policies, exact=exact, actor=actor, reason=reason, at=now)
        overrides_done = overrides.finish(actor=actor, reason=reason)
        brought = BroughtBack(reader.head.at, policies_done, overrides_done, revisions_back, is_dry_run=dry_run)
        if dry_run:
            transaction.set_rollback(True)
        elif not brought.changes_nothing:
            transaction.on_commit(sync.publish_soon)
    return brought


def _pages(rows: Iterator[Row]) -> Iterator[list[Any]]:
    """Yield rows of one kind, so many at once."""
    for _, alike in groupby(rows, key=type):
        page: list[Row] = []
        for row in alike:
            page.append(row)
            if len(page) == ROWS_AT_ONCE:
                yield page
                page = []
        if page:
            yield page
