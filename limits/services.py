"""Every write of policies: one transaction with its revision, and the word to Redis once it is committed."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from limits import sync, views_in_code
from limits.exceptions import PolicyConflict, PolicyInUse
from limits.models import Policy, Revision

POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes, and from where: an address, or the name of a command. `user_id` is None where nobody logged in."""

    name: str
    origin: str
    user_id: Any = None


def save_policy(policy: Policy, *, actor: Actor, reason: str = "", at: datetime | None = None) -> Policy:
    """Save a new or an edited policy. `policy.version` must be the one that was read when editing began.

    Raises PolicyConflict when somebody saved or deleted it since, and ValidationError when a field is wrong or the
    name was changed; then nothing is written.
    """
    with transaction.atomic():
        stored = _locked(policy.pk) if policy.pk else None
        if policy.pk and (stored is None or stored.version != policy.version):
            raise PolicyConflict(f"“{policy.slug}” was changed by somebody else meanwhile.")
        before = described(stored) if stored else None
        if stored and stored.slug == policy.slug and before == described(policy):
            return policy
        if stored and stored.slug != policy.slug:
            raise ValidationError({"slug": "The name in code cannot be changed once made."})
        policy.full_clean()
        policy.version += stored is not None
        policy.save()
        _revise(policy.slug, before=before, after=described(policy), actor=actor, reason=reason, at=at)
        transaction.on_commit(sync.publish_soon)
    return policy


def switch_policy(policy: Policy, *, enabled: bool, actor: Actor) -> bool:
    """Switch a policy on or off, whatever its version; return whether that changed anything."""
    with transaction.atomic():
        stored = _locked(policy.pk)
        if stored is None or stored.enabled == enabled:
            return False
        stored.enabled = enabled
        save_policy(stored, actor=actor)
    return True


def delete_policy(policy: Policy, *, actor: Actor, reason: str = "") -> None:
    """Delete a policy. Raises PolicyInUse, and deletes nothing, when code names it."""
    if policy.slug in views_in_code.slugs_in_use():
        raise PolicyInUse(f"Code uses “{policy.slug}”: it cannot be deleted, only switched off.")
    with transaction.atomic():
        stored = _locked(policy.pk)
        if stored is None:
            return
        stored.delete()
        _revise(stored.slug, before=described(stored), after=None, actor=actor, reason=reason)
        transaction.on_commit(sync.publish_soon)


def described(policy: Policy) -> dict[str, Any]:
    """Return what a revision keeps of a policy: all that can be edited, as it is written."""
    return {
        "title": policy.title,
        "description": policy.description,
        "enabled": policy.enabled,
        "key": str(policy.key),
        "methods": list(policy.methods),
        "rates": [str(rate) for rate in policy.rates],
    }


def _locked(pk: int) -> Policy | None:
    return Policy.objects.select_for_update().filter(pk=pk).first()


def _revise(
    slug: str,
    *,
    before: dict[str, Any] | None,
    after: dict[str, Any] | None,
    actor: Actor,
    reason: str,
    at: datetime | None = None,
) -> None:
    Revision.objects.create(
        at=at or timezone.now(),
        subject_type=POLICY,
        subject=slug,
        actor_id=actor.user_id,
        actor_name=actor.name,
        origin=actor.origin,
        reason=reason,
        before=before,
        after=after,
    )
