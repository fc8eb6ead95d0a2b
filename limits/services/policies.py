"""Writing policies."""

from collections.abc import Iterable, Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction

from limits import sync, views_in_code
from limits.core.client_keys import parse_client_key
from limits.core.policies import Mode
from limits.core.rates import parse_rates
from limits.exceptions import PolicyConflict, PolicyInUse
from limits.models import Policy, Revision
from limits.services.revisions import Actor, revise

POLICY = "policy"

PLAIN = (
    "title",
    "description",
    "view",
    "path",
    "priority",
    "ipv6_prefix",
    "cost",
    "refusals_count",
    "penalty_seconds",
)
CHOSEN = ("mode", "algorithm", "counts", "without_redis")


@dataclass(frozen=True, slots=True)
class ModesSet:
    """The policies that took another mode, and by name why others could not."""

    changed: tuple[Policy, ...]
    refused: Mapping[str, ValidationError]


def save_policy(policy: Policy, *, actor: Actor, reason: str = "", at: datetime | None = None) -> Policy:
    """Save a new or an edited policy. `policy.version` must be the one that was read when editing began.

    Raises PolicyConflict when somebody saved or deleted it since, and ValidationError when a field is wrong or the
    name was changed; then nothing is written.
    """
    with transaction.atomic():
        if write_policy(policy, actor=actor, reason=reason, at=at):
            transaction.on_commit(sync.publish_soon)
    return policy


def set_mode(policy: Policy, *, mode: Mode, actor: Actor) -> bool:
    """Enforce a policy, only try it, or switch it off, whatever its version; return whether that changed anything.

    Raises ValidationError when it cannot hold as it is: it names a view that is gone. Switching off always works.
    """
    done = set_modes([policy], mode=mode, actor=actor)
    for error in done.refused.values():
        raise error
    return bool(done.changed)


def set_modes(policies: Iterable[Policy], *, mode: Mode, actor: Actor) -> ModesSet:
    """Do what `set_mode` does with many, publishing once; one that cannot hold stays as it was, and is told."""
    changed, refused = [], {}
    with transaction.atomic():
        for policy in policies:
            stored = _locked(policy.pk)
            if stored is None or stored.mode == mode:
                continue
            stored.mode = mode
            try:
                write_policy(stored, actor=actor)
            except ValidationError as error:
                refused[policy.slug] = error
            else:
                changed.append(policy)
        if changed:
            transaction.on_commit(sync.publish_soon)
    return ModesSet(tuple(changed), refused)


def undone(policy: Policy) -> Policy | None:
    """Return a policy as it was before its last change, unsaved; None where there is nothing to go back to.

    There is nothing when that change made it, or when it was written past these services since.
    """
    latest = Revision.objects.filter(subject_type=POLICY, subject=policy.slug).first()
    if latest is None or latest.before is None or latest.after is None:
        return None
    now = described(policy)
    if any(now.get(name) != value for name, value in _in_todays_terms(latest.after).items()):
        return None
    earlier = copy(policy)
    for name, value in _in_todays_terms(latest.before).items():
        setattr(earlier, name, _read(name, value))
    return earlier


def undo_policy(policy: Policy, *, actor: Actor) -> Policy:
    """Take the last change of a policy back, as a change of its own: undoing again does it again.

    `policy.version` must be the one that was looked at. Raises PolicyConflict when somebody changed the policy since,
    and ValidationError when there is nothing to undo, or what was cannot hold any more.
    """
    with transaction.atomic():
        stored = _locked(policy.pk)
        if stored is None or stored.version != policy.version:
            raise PolicyConflict(f"“{policy.slug}” was changed by somebody else meanwhile.")
        earlier = undone(stored)
        if earlier is None:
            raise ValidationError(f"“{policy.slug}” has no change to undo.")
        return save_policy(earlier, actor=actor, reason="Undid the change before.")


def delete_policy(policy: Policy, *, actor: Actor, reason: str = "") -> None:
    """Delete a policy. Raises PolicyInUse, and deletes nothing, when code names it."""
    with transaction.atomic():
        if remove_policy(policy, actor=actor, reason=reason):
            transaction.on_commit(sync.publish_soon)


def described(policy: Policy) -> dict[str, Any]:
    """Return what a revision keeps of a policy: all that can be edited, as it is written."""
    return (
        {name: getattr(policy, name) for name in PLAIN}
        | {name: str(getattr(policy, name)) for name in CHOSEN}
        | {
            "key": str(policy.key),
            "methods": list(policy.methods),
            "rates": [str(rate) for rate in policy.rates],
        }
    )


def write_policy(policy: Policy, *, actor: Actor, reason: str = "", at: datetime | None = None) -> bool:
    """Do what `save_policy` does within the transaction of whoever calls, who publishes; return whether it changed."""
    stored = _locked(policy.pk) if policy.pk else None
    if policy.pk and (stored is None or stored.version != policy.version):
        raise PolicyConflict(f"“{policy.slug}” was changed by somebody else meanwhile.")
    before = described(stored) if stored else None
    if stored and stored.slug == policy.slug and before == described(policy):
        return False
    if stored and stored.slug != policy.slug:
        raise ValidationError({"slug": "The name in code cannot be changed once made."})
    policy.full_clean()
    policy.version += stored is not None
    policy.save()
    revise(POLICY, policy.slug, before=before, after=described(policy), actor=actor, reason=reason, at=at)
    return True


def remove_policy(policy: Policy, *, actor: Actor, reason: str = "", at: datetime | None = None) -> bool:
    """Do what `delete_policy` does within the transaction of whoever calls, who publishes; return if it was there."""
    if policy.slug in views_in_code.slugs_in_use():
        raise PolicyInUse(f"Code uses “{policy.slug}”: it cannot be deleted, only switched off.")
    stored = _locked(policy.pk)
    if stored is None:
        return False
    stored.delete()
    revise(POLICY, stored.slug, before=described(stored), after=None, actor=actor, reason=reason, at=at)
    return True


def _read(name: str, told: Any) -> Any:
    match name:
        case "key":
            return parse_client_key(told)
        case "methods":
            return tuple(told)
        case "rates":
            return parse_rates("\n".join(told))
    return told


def _in_todays_terms(told: dict[str, Any]) -> dict[str, Any]:
    """Return what a revision told of a policy; what it had no word for is left out."""
    if "enabled" not in told:
        return told
    mode = Mode.ENFORCE if told["enabled"] else Mode.OFF
    return {name: value for name, value in told.items() if name != "enabled"} | {"mode": mode.value}


def _locked(pk: int) -> Policy | None:
    return Policy.objects.select_for_update().filter(pk=pk).first()
