"""Writing many overrides together."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from limits.models import Override
from limits.models.overrides import TWINS_MAX
from limits.services.override_parts import hold, touch
from limits.services.overrides import (
    OVERRIDE,
    ROWS_AT_ONCE,
    TOLD_ONE_BY_ONE_MAX,
    check,
    chunks,
    described,
    record,
    twin_key,
)
from limits.services.revisions import Actor, revise

Change = tuple[Override, Override]
"""One as it was, and as it becomes."""
WRONG_MAX = 20
"""So many that cannot be saved are told."""
_SEVERAL = (
    "Several exist for the same client and policy at this time, and only one can change: change or end those first."
)


@dataclass(frozen=True, slots=True)
class ManySaved:
    """What became of many overrides: those made, those changed, and those that were there already and stayed."""

    made: tuple[Override, ...]
    changed: tuple[Override, ...]
    left: tuple[Override, ...]


def save_overrides(
    overrides: Iterable[Override],
    *,
    actor: Actor,
    reason: str = "",
    change_existing: bool = False,
    called: Sequence[str] = (),
    at: datetime | None = None,
) -> ManySaved:
    """Save many new overrides together; return what became of them.

    Where one for the same subject and policy holds at the same time, it stays as it is; with `change_existing` it
    becomes as the new one would be. Of several alike in `overrides` themselves the first is taken.
    Raises ValidationError when one is wrong, when there are several of which one would have to change, or more than
    TWINS_MAX for one subject and policy; then nothing is written. It tells which by what each is `called`, or by its
    place from 1.
    """
    rows = list(overrides)
    called = called or [f"Number {place}" for place in range(1, len(rows) + 1)]
    now = at or timezone.now()
    check(rows, actor=actor, at=now, called=called)
    with transaction.atomic():
        hold({row.part for row in rows})
        made, changes, left = _sorted_out(rows, called=called, change_existing=change_existing, at=now)
        changed = [row for _, row in changes]
        Override.objects.bulk_create(made, batch_size=ROWS_AT_ONCE)
        _change(changed)
        _tell(made, changes, actor=actor, reason=reason, at=now)
        touch({row.part for row in (*made, *changed)})
    return ManySaved(tuple(made), tuple(changed), tuple(left))


def _sorted_out(
    rows: Sequence[Override], *, called: Sequence[str], change_existing: bool, at: datetime
) -> tuple[list[Override], list[Change], list[Override]]:
    """Return what is to be made, what to be changed, and what stays. Raises ValidationError for what cannot be."""
    made, changes, left, wrong = [], [], [], []
    known = _existing({row.subject for row in rows}, at=at)
    for name, row in zip(called, rows, strict=True):
        twins = known[twin_key(row)]
        found = [twin for twin in twins if twin.overlaps(row)]
        if not found and len(twins) >= TWINS_MAX:
            wrong.append(f"{name}: There are {TWINS_MAX} for this client and policy already.")
        elif not found:
            made.append(row)
            twins.append(row)
        elif not change_existing:
            left.append(found[0])
        elif len(found) > 1:
            wrong.append(f"{name}: {_SEVERAL}")
        elif found[0]._state.adding or described(found[0]) == described(row):
            left.append(found[0])
        else:
            row.pk, row.version = found[0].pk, found[0].version + 1
            changes.append((found[0], row))
            twins[twins.index(found[0])] = row
        if len(wrong) == WRONG_MAX:
            break
    if wrong:
        raise ValidationError(wrong)
    return made, changes, left


def _existing(subjects: Iterable[str], *, at: datetime) -> dict[tuple[str, str], list[Override]]:
    """Return those that hold now or later by subject and policy, the newest first."""
    found: dict[tuple[str, str], list[Override]] = defaultdict(list)
    for some in chunks(sorted(subjects)):
        for twin in Override.objects.filter(Q(until__isnull=True) | Q(until__gt=at), subject__in=some):
            found[twin_key(twin)].append(twin)
    return found


def _change(rows: Iterable[Override]) -> None:
    """Write changed rows, those alike together: most often all are."""
    alike: dict[tuple[Any, ...], list[int]] = defaultdict(list)
    for row in rows:
        alike[row.effect, row.rates, row.since, row.until, row.reason, row.saved_by, row.saved_at].append(row.pk)
    for (effect, rates, since, until, reason, saved_by, saved_at), pks in alike.items():
        for some in chunks(pks):
            Override.objects.filter(pk__in=some).update(
                effect=effect,
                rates=rates,
                since=since,
                until=until,
                reason=reason,
                saved_by=saved_by,
                saved_at=saved_at,
                version=F("version") + 1,
            )


def _tell(made: Sequence[Override], changes: Sequence[Change], *, actor: Actor, reason: str, at: datetime) -> None:
    """Leave a revision for each; of very many one for all."""
    number = len(made) + len(changes)
    if number > TOLD_ONE_BY_ONE_MAX:
        kinds = Counter(str(row.kind) for row in (*made, *(row for _, row in changes)))
        told = {"made": len(made), "changed": len(changes), **kinds}
        revise(OVERRIDE, f"{number} overrides", before=None, after=told, actor=actor, reason=reason, at=at)
        return
    for row in made:
        record(row, before=None, after=described(row), actor=actor, at=at)
    for stored, row in changes:
        record(row, before=described(stored), after=described(row), actor=actor, at=at)
