"""The truth as one document beside each backup: so a lost database loses no limit.

What clients send is in it as in the database: as hashes keyed by LIMITS_HASH_KEY (SECRET_KEY where that is not set).
Nobody reads an API key from an export. But overrides for what clients send are found again only under the key under
which they were made: keep LIMITS_HASH_KEY beside the backups, not in them; under another key they stand there, and
hold for nobody. It also holds addresses of people, for as long as the export itself is kept.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import BinaryIO

from limits.core import export
from limits.core.export import Head
from limits.core.export_rows import OverrideRow, PolicyRow, RevisionRow, Row
from limits.core.overrides import Effect
from limits.models import Override, Policy, Revision
from limits.services.natural_names import login_names, names_of
from limits.services.one_moment import in_pages, one_moment

Progress = Callable[[int, int], None]
"""Hears how many rows are done, and of how many."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How many rows an export holds, and its size."""

    policies: int
    overrides: int
    revisions: int
    size_bytes: int


def not_told(done: int, total: int) -> None:
    """Hear of progress, and tell nobody."""


def write_export(file: BinaryIO, *, now: datetime, progress: Progress = not_told) -> Exported:
    """Write every policy, override and revision of the database as it is at one moment; return what was written.

    Takes memory for all policies, and for a page of the others. Raises OSError as `file` does, and django.db.Error.
    """
    size_bytes = 0
    with one_moment():
        policies = sorted(Policy.objects.all(), key=lambda policy: policy.slug)
        head = Head(
            at=now,
            policies=len(policies),
            overrides=Override.objects.count(),
            revisions=Revision.objects.count(),
            revision=Revision.objects.order_by("-pk").values_list("pk", flat=True).first() or 0,
        )
        rows: Iterator[Row] = chain(map(_policy_row, policies), _override_rows(), _revision_rows())
        for line in export.lines(head, rows=told(rows, total=head.rows, progress=progress)):
            file.write(line)
            size_bytes += len(line)
    return Exported(head.policies, head.overrides, head.revisions, size_bytes)


def told(rows: Iterable[Row], *, total: int, progress: Progress) -> Iterator[Row]:
    """Yield rows, and tell how many are done."""
    for done, row in enumerate(rows, start=1):
        yield row
        progress(done, total)


def _policy_row(policy: Policy) -> PolicyRow:
    return PolicyRow(policy=policy.as_value(), description=policy.description, version=policy.version)


def _override_rows() -> Iterator[OverrideRow]:
    for page in in_pages(Override.objects.all()):
        names = names_of(row.subject for row in page)
        yield from (_override_row(row, name=names.get(row.subject, "")) for row in page)


def _override_row(row: Override, *, name: str) -> OverrideRow:
    return OverrideRow(
        number=row.pk,
        subject=row.subject,
        name=name,
        policy=row.policy,
        effect=Effect(row.effect),
        rates=row.rates,
        since=row.since,
        until=row.until,
        reason=row.reason,
        saved_by=row.saved_by,
        saved_at=row.saved_at,
        version=row.version,
    )


def _revision_rows() -> Iterator[RevisionRow]:
    for page in in_pages(Revision.objects.all()):
        names = names_of(row.subject for row in page)
        actors = login_names(row.actor_id for row in page if row.actor_id is not None)
        for row in page:
            yield _revision_row(row, name=names.get(row.subject, ""), actor=actors.get(row.actor_id))


def _revision_row(row: Revision, *, name: str, actor: str | None) -> RevisionRow:
    return RevisionRow(
        number=row.pk,
        at=row.at,
        subject_type=row.subject_type,
        subject=row.subject,
        name=name,
        actor=actor,
        actor_name=row.actor_name,
        origin=row.origin,
        reason=row.reason,
        before=row.before,
        after=row.after,
    )
