"""Overrides, as an export has them.

An override has no name of its own: one that is as the export has it in all that can be edited is that one. Else the
one for the same subject and policy that holds at the same time becomes so.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError

from limits.core.export_rows import OverrideRow
from limits.core.overrides import PARTS
from limits.models import Override
from limits.services.bringing_back.done import Done, LeftOut
from limits.services.natural_names import is_by_name, named, subjects_by_name
from limits.services.one_moment import ROWS_AT_ONCE, in_pages
from limits.services.override_parts import hold, touch
from limits.services.overrides import OVERRIDE, TOLD_ONE_BY_ONE_MAX, chunks, described, record, twin_key
from limits.services.revisions import Actor, revise

Change = tuple[Override, dict[str, Any] | None, dict[str, Any] | None]
"""One, as it was before and is after."""
CHANGES_AT_ONCE = 200
_WRITTEN = ("effect", "rates", "since", "until", "reason", "saved_by", "saved_at", "version")


class Overrides:
    """Brings overrides back page by page, within the transaction of whoever makes this: nobody else writes any then."""

    def __init__(self, *, exact: bool, at: datetime) -> None:
        hold(range(PARTS))
        self._exact, self._at = exact, at
        self._latest = Override.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
        """The last that was there before: those made here are never taken for another one of the export."""
        self._known: set[int] = set()
        self._told: dict[str, list[str]] = {"made": [], "changed": [], "deleted": []}
        self._left_out: list[LeftOut] = []
        self._changes: list[Change] = []
        self._kinds: Counter[str] = Counter()
        self._parts: set[int] = set()

    def bring_back(self, rows: Sequence[OverrideRow]) -> None:
        """Make and change what differs from these rows."""
        wanted = self._wanted(rows)
        stored = self._stored({row.subject for row in wanted})
        made: list[Override] = []
        changed: list[Override] = []
        for row in [row for row in wanted if not self._is_there(row, stored[twin_key(row)])]:
            if why := self._problem(row):
                self._left_out.append(LeftOut(str(row), why))
            elif others := self._in_its_place(row, stored[twin_key(row)]):
                self._change(others[0], row)
                self._delete(others[1:])
                changed.append(row)
            else:
                self._note("made", row)
                made.append(row)
        Override.objects.bulk_create(made, batch_size=ROWS_AT_ONCE)
        Override.objects.bulk_update(changed, _WRITTEN, batch_size=CHANGES_AT_ONCE)

    def finish(self, *, actor: Actor, reason: str) -> Done:
        """Delete what is too much, tell what was done by revisions, and return it."""
        if self._exact:
            for page in in_pages(Override.objects.filter(pk__lte=self._latest)):
                self._delete([row for row in page if row.pk not in self._known])
        self._leave_revisions(actor=actor, reason=reason)
        touch(self._parts)
        return Done(
            tuple(self._told["made"]),
            tuple(self._told["changed"]),
            tuple(self._told["deleted"]),
            tuple(self._left_out),
        )

    def _wanted(self, rows: Iterable[OverrideRow]) -> list[Override]:
        """Return the rows for subjects that there are, by today's ids."""
        subjects = subjects_by_name(named(row.subject, name=row.name) for row in rows if row.name)
        wanted = []
        for row in rows:
            override = _as_model(row, subject=row.subject)
            if is_by_name(row.subject):
                kind, name = named(row.subject, name=row.name)
                override.in_words = f"{kind.title()} “{row.name}”" if row.name else ""
                if (kind, name) not in subjects:
                    why = f"There is no such {kind}." if name else f"The {kind} was gone when this was exported."
                    self._left_out.append(LeftOut(str(override), why))
                    continue
                override.place(subjects[kind, name])
            wanted.append(override)
        return wanted

    def _stored(self, subjects: Iterable[str]) -> dict[tuple[str, str], list[Override]]:
        found: dict[tuple[str, str], list[Override]] = defaultdict(list)
        for some in chunks(sorted(subjects)):
            for row in Override.objects.filter(subject__in=some, pk__lte=self._latest).order_by("pk"):
                if row.pk not in self._known:
                    found[twin_key(row)].append(row)
        return found

    def _is_there(self, row: Override, twins: list[Override]) -> bool:
        for twin in twins:
            if _edited(twin) == _edited(row):
                twins.remove(twin)
                self._known.add(twin.pk)
                return True
        return False

    def _in_its_place(self, row: Override, twins: list[Override]) -> list[Override]:
        """Return those that could not hold beside it; they are taken from the twins."""
        if not row.still_holds(at=self._at):
            return []
        found = [twin for twin in twins if twin.still_holds(at=self._at) and twin.overlaps(row)]
        twins[:] = [twin for twin in twins if twin not in found]
        self._known |= {twin.pk for twin in found}
        return found

    def _problem(self, row: Override) -> str:
        """Return why it could not be saved today; what has ended may stand as it stood."""
        if not row.still_holds(at=self._at):
            return ""
        try:
            row.clean_fields()
            # A burst may have outlived the token bucket that it was made for: it stands, and does nothing.
            row.clean(token_buckets={row.policy})
        except ValidationError as error:
            return " ".join(error.messages)
        return ""

    def _change(self, stored: Override, row: Override) -> None:
        row.pk, row.version = stored.pk, stored.version + 1
        self._note("changed", row, before=described(stored))

    def _delete(self, rows: Sequence[Override]) -> None:
        for row in rows:
            self._note("deleted", row, before=described(row))
        for some in chunks([row.pk for row in rows]):
            Override.objects.filter(pk__in=some).delete()

    def _note(self, what: str, row: Override, *, before: dict[str, Any] | None = None) -> None:
        self._told[what].append(str(row))
        self._parts.add(row.part)
        self._kinds[str(row.kind)] += 1
        if len(self._changes) <= TOLD_ONE_BY_ONE_MAX:
            self._changes.append((row, before, None if what == "deleted" else described(row)))

    def _leave_revisions(self, *, actor: Actor, reason: str) -> None:
        """Leave a revision for each; of very many one for all."""
        if len(self._changes) > TOLD_ONE_BY_ONE_MAX:
            number = self._kinds.total()
            told = {what: len(rows) for what, rows in self._told.items()} | self._kinds
            subject = f"{number} overrides"
            revise(OVERRIDE, subject, before=None, after=told, actor=actor, reason=reason, at=self._at)
            return
        for row, before, after in self._changes:
            record(row, before=before, after=after, actor=actor, reason=reason, at=self._at)


def _as_model(row: OverrideRow, *, subject: str) -> Override:
    override = Override(
        policy=row.policy,
        effect=row.effect.value,
        since=row.since,
        until=row.until,
        reason=row.reason,
        saved_by=row.saved_by,
        saved_at=row.saved_at,
        version=row.version,
    )
    override.rates = row.rates
    override.place(subject)
    return override


def _edited(row: Override) -> tuple[Any, ...]:
    return row.effect, row.rates, row.since, row.until, row.reason
