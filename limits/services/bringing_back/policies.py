"""Policies, as an export has them."""

from collections.abc import Iterable
from copy import copy
from datetime import datetime

from django.core.exceptions import ValidationError

from limits.core.export_rows import PolicyRow
from limits.exceptions import PolicyInUse
from limits.models import Policy
from limits.services.bringing_back.done import Done, LeftOut
from limits.services.policies import CHOSEN, PLAIN, described, remove_policy, write_policy
from limits.services.revisions import Actor


def bring_policies_back(rows: Iterable[PolicyRow], *, exact: bool, actor: Actor, reason: str, at: datetime) -> Done:
    """Make policies as these rows are, within the transaction of whoever calls; with `exact`, delete all others."""
    made: list[str] = []
    changed: list[str] = []
    deleted: list[str] = []
    left_out: list[LeftOut] = []
    surplus = {policy.slug: policy for policy in Policy.objects.select_for_update()}
    for row in rows:
        stored = surplus.pop(row.policy.slug, None)
        policy = _as_model(row, stored=stored)
        if stored and described(stored) == described(policy):
            continue
        try:
            write_policy(policy, actor=actor, reason=reason, at=at)
        except ValidationError as error:
            left_out.append(LeftOut(policy.slug, " ".join(error.messages)))
        else:
            (changed if stored else made).append(policy.slug)
    for slug, policy in surplus.items() if exact else ():
        try:
            remove_policy(policy, actor=actor, reason=reason, at=at)
        except PolicyInUse as error:
            left_out.append(LeftOut(slug, str(error)))
        else:
            deleted.append(slug)
    return Done(tuple(made), tuple(changed), tuple(deleted), tuple(left_out))


def _as_model(row: PolicyRow, *, stored: Policy | None) -> Policy:
    """Return the policy as it would become: where it is stored already, in that row's place."""
    value = row.policy
    policy = copy(stored) if stored else Policy(slug=value.slug, version=row.version)
    policy.description = row.description
    policy.key, policy.methods, policy.rates = value.key, value.methods, value.rates
    for name in CHOSEN:
        setattr(policy, name, str(getattr(value, name)))
    for name in set(PLAIN) - {"description"}:
        setattr(policy, name, getattr(value, name))
    return policy
