"""Writing overrides. Every write lets the versions of the parts that it touches grow, in the same transaction."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, PositiveBigIntegerField, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from limits import sync, sync_overrides
from limits.conf import conf
from limits.core.overrides import Kind
from limits.exceptions import OverrideConflict
from limits.models import Override, OverridePart, Policy, Revision
from limits.services.revisions import Actor, revise

OVERRIDE = "override"
ADDRESS_OVERRIDE = "override of address"
"""Revisions whose texts name a person's address: they are blanked when it has been kept for long enough."""
ROWS_AT_ONCE = 2_000
TOLD_ONE_BY_ONE_MAX = 100


def save_override(override: Override, *, actor: Actor, at: datetime | None = None) -> Override:
    """Save a new or an edited override. `override.version` must be the one that was read when editing began.

    Raises OverrideConflict when somebody saved or deleted it since, and ValidationError when a field is wrong; then
    nothing is written.
    """
    with transaction.atomic():
        stored = _locked(override.pk) if override.pk else None
        if override.pk and (stored is None or stored.version != override.version):
            raise OverrideConflict("The override was changed by somebody else meanwhile.")
        before = described(stored) if stored else None
        _check([override], actor=actor, at=at)
        if before == described(override):
            return override
        override.version += stored is not None
        override.save()
        _revise(override, before=before, after=described(override), actor=actor, at=at)
        _touch({override.part} | ({stored.part} if stored else set()))
    return override


def save_overrides(overrides: Iterable[Override], *, actor: Actor, reason: str = "", at: datetime | None = None) -> int:
    """Save many new overrides, with one revision for all; return how many.

    Raises ValidationError when one is wrong, telling which by its place from 1; then nothing is written.
    """
    rows = list(overrides)
    _check(rows, actor=actor, at=at)
    if not rows:
        return 0
    with transaction.atomic():
        Override.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
        told = {"number": len(rows), **Counter(str(row.kind) for row in rows)}
        subject = f"{len(rows)} overrides"
        revise(OVERRIDE, subject, before=None, after=told, actor=actor, reason=reason, at=at)
        _touch({row.part for row in rows})
    return len(rows)


def end_overrides(overrides: QuerySet[Override], *, actor: Actor, at: datetime | None = None) -> list[Override]:
    """End overrides now; return those that had not ended before."""
    now = at or timezone.now()
    with transaction.atomic():
        ended = list(overrides.select_for_update().filter(Q(until__isnull=True) | Q(until__gt=now)))
        chosen = [row.pk for row in ended]
        for start in range(0, len(chosen), ROWS_AT_ONCE):
            Override.objects.filter(pk__in=chosen[start : start + ROWS_AT_ONCE]).update(
                until=now, version=F("version") + 1, saved_by=actor.name, saved_at=now
            )
        _revise_ends(ended, actor=actor, at=now)
        _touch({row.part for row in ended})
    return ended


def delete_override(override: Override, *, actor: Actor, reason: str = "") -> None:
    """Delete an override; one that is not there any more is no error."""
    with transaction.atomic():
        stored = _locked(override.pk)
        if stored is None:
            return
        pk = stored.pk
        stored.delete()
        stored.pk = pk
        _revise(stored, before=described(stored), after=None, actor=actor, reason=reason)
        _touch({stored.part})


def forget_ended_overrides(*, actor: Actor, at: datetime | None = None) -> int:
    """Delete overrides that have ended, and blank what old revisions tell of addresses; return how many ended."""
    now = at or timezone.now()
    with transaction.atomic():
        ended = Override.objects.filter(until__lte=now)
        touched = set(ended.order_by().values_list("part", flat=True).distinct())
        number, _ = ended.delete()
        if number:
            told = {"number": number}
            revise(OVERRIDE, f"{number} overrides", before=told, after=None, actor=actor, reason="They ended.", at=now)
            _touch(touched)
        _blank_addresses(before=now - timedelta(days=conf.address_days))
    return number


def described(override: Override) -> dict[str, Any]:
    """Return what a revision keeps of an override: all that can be edited, as it is written."""
    return {
        "subject": override.subject,
        "policy": override.policy,
        "effect": str(override.effect),
        "rates": [str(rate) for rate in override.rates],
        "since": override.since.isoformat(timespec="seconds"),
        "until": override.until.isoformat(timespec="seconds") if override.until else None,
        "reason": override.reason,
    }


def _check(rows: Sequence[Override], *, actor: Actor, at: datetime | None) -> None:
    slugs = {"", *Policy.objects.values_list("slug", flat=True)}
    now = at or timezone.now()
    for place, row in enumerate(rows, start=1):
        row.saved_by, row.saved_at = actor.name, now
        try:
            row.clean_fields()
            row.clean()
            if row.policy not in slugs:
                raise ValidationError({"policy": f"There is no policy “{row.policy}”."})
        except ValidationError as error:
            if len(rows) == 1:
                raise
            raise ValidationError(f"Number {place}: {' '.join(error.messages)}") from error


def _touch(parts: Iterable[int]) -> None:
    """Let the versions of parts grow, and have them published once this is committed."""
    numbers = sorted(parts)
    if numbers:
        grown = Greatest(F("version") + 1, int(time.time() * 1000), output_field=PositiveBigIntegerField())
        OverridePart.objects.filter(number__in=numbers).update(version=grown)
        transaction.on_commit(_publish_soon)


def _publish_soon() -> None:
    if not sync_overrides.publish_once():
        sync.publish_in_background()


def _revise(
    override: Override,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    subject_type = ADDRESS_OVERRIDE if override.kind == Kind.ADDRESS else OVERRIDE
    told = reason or override.reason
    revise(subject_type, override.subject, before=before, after=after, actor=actor, reason=told, at=at)


def _revise_ends(ended: Sequence[Override], *, actor: Actor, at: datetime) -> None:
    if len(ended) > TOLD_ONE_BY_ONE_MAX:
        told = {"number": len(ended), "until": at.isoformat(timespec="seconds")}
        revise(OVERRIDE, f"{len(ended)} overrides", before=None, after=told, actor=actor, reason="Ended now.", at=at)
        return
    for row in ended:
        before = described(row)
        _revise(
            row,
            before=before,
            after=before | {"until": at.isoformat(timespec="seconds")},
            actor=actor,
            reason="Ended now.",
            at=at,
        )


def _blank_addresses(*, before: datetime) -> None:
    old = Revision.objects.filter(subject_type=ADDRESS_OVERRIDE, at__lt=before).exclude(subject="")
    old.filter(before__isnull=False).update(before={})
    old.filter(after__isnull=False).update(after={})
    old.update(subject="", reason="")


def _locked(pk: int) -> Override | None:
    return Override.objects.select_for_update().filter(pk=pk).first()
