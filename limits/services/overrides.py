"""Writing overrides. Every write lets the versions of the parts that it touches grow, in the same transaction."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from limits.conf import conf
from limits.core.overrides import Kind
from limits.core.policies import Algorithm
from limits.exceptions import OverrideConflict
from limits.models import Override, Policy, Revision
from limits.services.override_parts import hold, touch
from limits.services.revisions import Actor, revise

OVERRIDE = "override"
ADDRESS_OVERRIDE = "override of address"
"""Revisions whose texts name a person's address: they are blanked when it has been kept for long enough."""
ROWS_AT_ONCE = 2_000
TOLD_ONE_BY_ONE_MAX = 100


def save_override(override: Override, *, actor: Actor, at: datetime | None = None) -> Override:
    """Save a new or an edited override. `override.version` must be the one that was read when editing began.

    Raises OverrideConflict when somebody saved or deleted it since, and ValidationError when a field is wrong, or when
    another for the same subject and policy holds at the same time; then nothing is written.
    """
    with transaction.atomic():
        stored = _locked(override.pk) if override.pk else None
        if override.pk and (stored is None or stored.version != override.version):
            raise OverrideConflict("The override was changed by somebody else meanwhile.")
        before = described(stored) if stored else None
        check([override], actor=actor, at=at)
        if before == described(override):
            return override
        for other in others_like(override, at=at):
            if other.overlaps(override):
                raise ValidationError(f"There is one already that holds at the same time: {other}.", code="exists")
        override.version += stored is not None
        override.save()
        record(override, before=before, after=described(override), actor=actor, at=at)
        touch({override.part} | ({stored.part} if stored else set()))
    return override


def others_like(override: Override, *, at: datetime | None = None) -> list[Override]:
    """Return the others for its subject and its policy that hold now or later, the newest first; none if it has ended.

    Asked within a transaction, until whose end nobody makes another one.
    """
    now = at or timezone.now()
    if not override.still_holds(at=now):
        return []
    hold({override.part})
    found = Override.objects.filter(subject=override.subject, policy=override.policy).exclude(pk=override.pk)
    # A database may compare without case.
    return [other for other in found if twin_key(other) == twin_key(override) and other.still_holds(at=now)]


def end_overrides(overrides: QuerySet[Override], *, actor: Actor, at: datetime | None = None) -> list[Override]:
    """End overrides now; return those that had not ended before."""
    now = at or timezone.now()
    with transaction.atomic():
        ended = list(overrides.select_for_update().filter(Q(until__isnull=True) | Q(until__gt=now)))
        for chosen in chunks([row.pk for row in ended]):
            Override.objects.filter(pk__in=chosen).update(
                until=now, version=F("version") + 1, saved_by=actor.name, saved_at=now
            )
        _revise_ends(ended, actor=actor, at=now)
        touch({row.part for row in ended})
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
        record(stored, before=described(stored), after=None, actor=actor, reason=reason)
        touch({stored.part})


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
            touch(touched)
        _blank_addresses(before=now - timedelta(days=conf.address_days))
    return number


def described(override: Override) -> dict[str, Any]:
    """Return what a revision keeps of an override: all that can be edited, as it is written."""
    return {
        "subject": override.subject,
        "policy": override.policy,
        "effect": str(override.effect),
        "rates": [str(rate) for rate in override.rates],
        "since": _written(override.since),
        "until": _written(override.until) if override.until else None,
        "reason": override.reason,
    }


def twin_key(override: Override) -> tuple[str, str]:
    """Return what two overrides share of which only one shall hold at a time."""
    return override.subject, override.policy


def chunks(values: Sequence[Any]) -> Iterator[Sequence[Any]]:
    """Yield so many as a query takes at once."""
    return (values[start : start + ROWS_AT_ONCE] for start in range(0, len(values), ROWS_AT_ONCE))


def check(rows: Sequence[Override], *, actor: Actor, at: datetime | None, called: Sequence[str] = ()) -> None:
    """Note who saves. Raises ValidationError for the first that is wrong, telling what it is called by `called`."""
    algorithms = dict(Policy.objects.values_list("slug", "algorithm"))
    token_buckets = {slug for slug, name in algorithms.items() if name == Algorithm.TOKEN_BUCKET}
    now = at or timezone.now()
    for place, row in enumerate(rows):
        row.saved_by, row.saved_at = actor.name, now
        try:
            row.clean_fields()
            row.clean(token_buckets=token_buckets)
            if row.policy and row.policy not in algorithms:
                raise ValidationError({"policy": f"There is no policy “{row.policy}”."})
        except ValidationError as error:
            if not called:
                raise
            raise ValidationError(f"{called[place]}: {' '.join(error.messages)}") from error


def record(
    override: Override,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    reason: str = "",
    at: datetime | None = None,
) -> None:
    """Leave the revision of one override."""
    subject_type = ADDRESS_OVERRIDE if override.kind == Kind.ADDRESS else OVERRIDE
    told = reason or override.reason
    revise(subject_type, override.subject, before=before, after=after, actor=actor, reason=told, at=at)


def _revise_ends(ended: Sequence[Override], *, actor: Actor, at: datetime) -> None:
    if len(ended) > TOLD_ONE_BY_ONE_MAX:
        told = {"number": len(ended), "until": _written(at)}
        revise(OVERRIDE, f"{len(ended)} overrides", before=None, after=told, actor=actor, reason="Ended now.", at=at)
        return
    for row in ended:
        before = described(row)
        record(
            row,
            before=before,
            after=before | {"until": _written(at)},
            actor=actor,
            reason="Ended now.",
            at=at,
        )


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _blank_addresses(*, before: datetime) -> None:
    old = Revision.objects.filter(subject_type=ADDRESS_OVERRIDE, at__lt=before).exclude(subject="")
    old.filter(before__isnull=False).update(before={})
    old.filter(after__isnull=False).update(after={})
    old.update(subject="", reason="")


def _locked(pk: int) -> Override | None:
    return Override.objects.select_for_update().filter(pk=pk).first()
