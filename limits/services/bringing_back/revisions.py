"""The history, as an export has it.

Revisions are told apart by their content. Their numbers are the order of history, and the number of the latest one of
policies is a part of the version that Redis and every process knows. So from the first revision that is missing on,
those of the export get new numbers, in its order; behind them come those that were written after it was made. The new
numbers begin at the time in milliseconds: that is more than was ever counted one by one, so that no version comes
again that Redis or a process may know from before, however many writes the export does not know of.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.management.color import no_style
from django.db import connection

from limits.conf import conf
from limits.core.export import Head
from limits.core.export_rows import RevisionRow
from limits.core.overrides import Kind
from limits.models import Revision
from limits.services.natural_names import is_by_name, named, subjects_by_name, users_by_name
from limits.services.one_moment import in_pages
from limits.services.overrides import ADDRESS_OVERRIDE, OVERRIDE

WRITTEN_AT_ONCE = 200
"""A revision may be long, and a database takes so many bytes at once."""
_SUBJECT_CHARACTERS_MAX = 100
_Subjects = dict[tuple[Kind, str], str]


class Revisions:
    """Brings revisions back page by page. A dry run counts them: a number once given is not free again everywhere."""

    def __init__(self, *, head: Head, at: datetime, dry_run: bool) -> None:
        latest = Revision.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        self._dry_run = dry_run
        self._exported_at = head.at
        self._begin = self._next = max(int(at.timestamp() * 1000), latest + 1, head.revision + 1)
        self._blanked_before = at - timedelta(days=conf.address_days)
        self._brought_back = 0

    def bring_back(self, rows: Sequence[RevisionRow]) -> None:
        """Write those that are missing, behind those before them."""
        subjects = subjects_by_name(named(row.subject, name=row.name) for row in rows if row.name)
        users = users_by_name(row.actor for row in rows if row.actor is not None)
        stored = self._stored(rows, subjects=subjects)
        written = []
        for row in rows:
            self._exported_at = max(self._exported_at, row.at)
            found = self._found(row, subjects=subjects, stored=stored)
            if found is None:
                self._brought_back += 1
                written.append(self._as_model(row, subjects=subjects, user=users.get(row.actor or "")))
            elif self._brought_back:
                written.append(found)
        self._write(written)

    def finish(self) -> int:
        """Let those that were written since come last; return how many were brought back."""
        if self._brought_back:
            for page in in_pages(Revision.objects.filter(at__gt=self._exported_at, pk__lt=self._begin)):
                self._write(page)
            if not self._dry_run:
                _let_numbers_go_on()
        return self._brought_back

    def _stored(self, rows: Sequence[RevisionRow], *, subjects: _Subjects) -> dict[tuple[Any, ...], list[Revision]]:
        """Return what the database has of the same moments and subjects, by its content."""
        found: dict[tuple[Any, ...], list[Revision]] = defaultdict(list)
        candidates = Revision.objects.filter(
            pk__lt=self._begin,
            subject_type__in={row.subject_type for row in rows},
            subject__in={subject for row in rows for subject in _may_be_called(row, subjects)} | {""},
            at__in={row.at for row in rows},
        )
        for revision in candidates.order_by("-pk"):
            found[_content(self._as_kept(revision))].append(revision)
        return found

    def _found(
        self,
        row: RevisionRow,
        *,
        subjects: _Subjects,
        stored: dict[tuple[Any, ...], list[Revision]],
    ) -> Revision | None:
        for subject in _may_be_called(row, subjects):
            if same := stored.get(_content(self._as_kept(_as_model(row, subject=subject)))):
                return same.pop()
        return None

    def _as_model(self, row: RevisionRow, *, subjects: _Subjects, user: Any) -> Revision:
        revision = self._as_kept(_as_model(row, subject=next(iter(_may_be_called(row, subjects)))))
        revision.actor = user
        return revision

    def _as_kept(self, revision: Revision) -> Revision:
        """Return a revision without what is no longer kept of an address."""
        if revision.subject_type != ADDRESS_OVERRIDE or revision.at >= self._blanked_before:
            return revision
        return Revision(
            at=revision.at,
            subject_type=revision.subject_type,
            actor_id=revision.actor_id,
            actor_name=revision.actor_name,
            origin=revision.origin,
            before=None if revision.before is None else {},
            after=None if revision.after is None else {},
        )

    def _write(self, revisions: Sequence[Revision]) -> None:
        """Write these with the next numbers; those that had others lose them."""
        if self._dry_run or not revisions:
            return
        Revision.objects.filter(pk__in=[revision.pk for revision in revisions if revision.pk]).delete()
        for revision in revisions:
            revision.pk = self._next
            self._next += 1
        Revision.objects.bulk_create(revisions, batch_size=WRITTEN_AT_ONCE)


def _may_be_called(row: RevisionRow, subjects: _Subjects) -> list[str]:
    """Return what its subject is called here, the first being right now: a user or a group has another id, or none.

    Who does not exist is no longer called by an id alone, which may be somebody else's here.
    """
    if row.subject_type != OVERRIDE or not is_by_name(row.subject):
        return [row.subject]
    unknown = f"{row.subject} ({row.name or 'gone'})"[:_SUBJECT_CHARACTERS_MAX]
    now = subjects.get(named(row.subject, name=row.name))
    return [*([now] if now else ()), unknown, row.subject]


def _as_model(row: RevisionRow, *, subject: str) -> Revision:
    return Revision(
        at=row.at,
        subject_type=row.subject_type,
        subject=subject,
        actor_name=row.actor_name,
        origin=row.origin,
        reason=row.reason,
        before=_about(subject, row.before, named_before=row.subject),
        after=_about(subject, row.after, named_before=row.subject),
    )


def _about(subject: str, described: dict[str, Any] | None, *, named_before: str) -> dict[str, Any] | None:
    if described is None or described.get("subject") != named_before:
        return described
    return described | {"subject": subject}


def _content(revision: Revision) -> tuple[Any, ...]:
    told = [json.dumps(value, sort_keys=True) for value in (revision.before, revision.after)]
    who = (revision.actor_name, revision.origin)
    return revision.at, revision.subject_type, revision.subject, *who, revision.reason, *told


def _let_numbers_go_on() -> None:
    """Have the database count on from the numbers that were given: PostgreSQL must be told."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Revision]):
            cursor.execute(statement)
