"""Live counters: whom people mean, who has used how much, and forgiving one client."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from typing import Any

from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.utils import timezone

from limits import identity, subjects
from limits.core import overrides, policies
from limits.core.counted_clients import Address, Part, name_of, parts_of
from limits.core.overrides import Effect, OverrideError, networks_around
from limits.core.policies import Algorithm
from limits.core.rates import WINDOW_SECONDS_MAX, Rate, RateError, parse_rates
from limits.exceptions import StoreUnavailable
from limits.models import Override, Policy, Revision
from limits.services.policies import POLICY
from limits.services.revisions import Actor, revise
from limits.store import live
from limits.store.live import LOOK_SECONDS, MOST, LiveClient, Sample, WindowName

COUNTERS = "counters"
"""The subject of the revisions that a reset leaves."""

_OTHER_RATES_MAX = 50
_EARLIER_REVISIONS_MAX = 50
_LONGEST_LIFE = timedelta(seconds=2 * WINDOW_SECONDS_MAX)


@dataclass(frozen=True, slots=True)
class Standing:
    """What a client has used, and the override by which it is judged; None: by the policy alone."""

    client: LiveClient
    override: overrides.Override | None = None


def client_named(text: str, *, policy: Policy, by_name: bool = True) -> str:
    """Return the client that a person means: users by name and mail address, too, unless not `by_name`."""
    find_user = _user_id if by_name else None
    # Half a surrogate pair, as a shell's argument may hold, is a letter of nobody's name.
    text = text.encode(errors="replace").decode()
    return identity.client_named(text, key=policy.key, ipv6_prefix=policy.ipv6_prefix, find_user=find_user)


def most_used(policy: Policy, *, most: int = MOST, seconds: float = LOOK_SECONDS) -> tuple[list[Standing], Sample]:
    """Return who has used most of a policy's limits, the most used first, as far as they are found within a time.

    Raises StoreUnavailable.
    """
    value = policy.as_value()
    sample = live.sample(value, other_rates=_other_rates(policy), most=most, seconds=seconds)
    found = [standing for standing in _standings(value, sample.clients) if standing.client.is_counted]
    return sorted(found, key=lambda standing: (-standing.client.share, standing.client.name)), sample


def of_client(policy: Policy, *, client: str) -> Standing:
    """Return what one client has used of a policy's limits. Raises StoreUnavailable."""
    (found,) = _standings(policy.as_value(), [client])
    return found


def reset(policy: Policy, *, client: str, actor: Actor, reason: str = "") -> int:
    """Let one client start afresh under a policy; return how many of its counters there were.

    Who did it, and what was forgiven, is kept. Raises StoreUnavailable: before anything is done, or when it is not
    known whether it was; that is kept too.
    """
    standing = of_client(policy, client=client)
    who = _for_the_records(client)
    before = {"client": who, "counters": [f"{usage.used} of {usage.rate}" for usage in standing.client.usages]}
    windows = _windows(policy, standing)
    try:
        with transaction.atomic():
            _record(policy, before, told=f"Let {who} start afresh.", actor=actor, reason=reason)
            number = live.forget(policy.slug, client=client, windows=windows)
            if not number:
                transaction.set_rollback(True)
    except StoreUnavailable:
        told = f"Perhaps let {who} start afresh: Redis did not say."
        _record(policy, before | {"outcome": "unknown"}, told=told, actor=actor, reason=reason)
        raise
    return number


@transaction.atomic
def _record(policy: Policy, before: dict[str, Any], *, told: str, actor: Actor, reason: str) -> None:
    revise(COUNTERS, policy.slug, before=before, after=None, actor=actor, reason=reason)
    if actor.user_id is not None:
        message = told + (f" Reason: {reason}" if reason else "")
        LogEntry.objects.log_actions(actor.user_id, [policy], CHANGE, message, single_object=True)


def _user_id(text: str) -> str:
    with suppress(OverrideError):
        return str(subjects.user_named(text).pk)
    return text


# Overrides


def _other_rates(policy: Policy) -> list[Rate]:
    """Return the rates that some clients have in place of the policy's own, the smallest last."""
    held = Override.objects.filter(effect=Effect.RATES, policy__in=("", policy.slug)).order_by()
    found = {rate for rates in held.values_list("rates", flat=True).distinct()[:_OTHER_RATES_MAX] for rate in rates}
    return sorted(found, reverse=True)


def _standings(policy: policies.Policy, clients: Sequence[str]) -> list[Standing]:
    held = _overrides(policy, clients)
    asked = []
    for client in clients:
        override = held.get(client)
        own = override and override.effect is Effect.RATES
        asked.append((replace(policy, rates=override.rates) if override and own else policy, client))
    return [Standing(found, held.get(found.name)) for found in live.read(asked)]


def _overrides(policy: policies.Policy, clients: Iterable[str]) -> Mapping[str, overrides.Override]:
    """Return the override that holds for each client, as far as its name tells: not those of a user's groups."""
    named = {client: _subjects(client, policy) for client in clients}
    asked = set().union(*named.values())
    rows = Override.objects.filter(subject__in=asked, policy__in=("", policy.slug)) if asked else ()
    held: dict[str, list[overrides.Override]] = {}
    for row in rows:
        held.setdefault(row.subject, []).append(row.as_value())
    now = timezone.now().timestamp()
    winners = {
        client: overrides.winner((o for name in names for o in held.get(name, ())), policy=policy.slug, at=now)
        for client, names in named.items()
        if held
    }
    return {client: winner for client, winner in winners.items() if winner}


def _subjects(client: str, policy: policies.Policy) -> list[str]:
    """Return the subjects of overrides that a client's name tells of."""
    found = []
    for part in parts_of(client):
        address = part.address
        found += [part.subject] if address is None else _places(address, ipv6_prefix=policy.ipv6_prefix)
    return [subject for subject in found if subject]


def _places(address: Address, *, ipv6_prefix: int) -> list[str]:
    """Return an address and the networks around it; of an IPv6 client those around all of the network that it is."""
    if address.version == 4:
        return [str(address), *networks_around(address)]
    exact = [str(address)] if ipv6_prefix == address.max_prefixlen else []
    return exact + networks_around(address)[: ipv6_prefix + 1]


# What is forgotten, and what is kept of it


def _for_the_records(client: str) -> str:
    """Return a client with each address as the network around it: records outlive what may be kept of people."""
    return name_of([replace(part, value=_coarse(part)) for part in parts_of(client)])


def _coarse(part: Part) -> str:
    address = part.address
    if address is None:
        return part.value
    return str(ip_network((address.packed, 24 if address.version == 4 else 48), strict=False))


def _windows(policy: Policy, standing: Standing) -> set[WindowName]:
    """Return the windows under which a client may be counted, as the policy is, was lately, and by an override."""
    value = policy.as_value()
    rates = (*value.rates, *_other_rates(policy), *(usage.rate for usage in standing.client.usages))
    windows = {(value.algorithm, rate.window_seconds) for rate in rates}
    since = timezone.now() - _LONGEST_LIFE
    earlier = Revision.objects.filter(subject_type=POLICY, subject=policy.slug, at__gte=since)
    for before in earlier.values_list("before", flat=True)[:_EARLIER_REVISIONS_MAX]:
        windows |= _windows_then(before or {})
    return windows


def _windows_then(described: Mapping[str, Any]) -> set[WindowName]:
    try:
        algorithm = Algorithm(described.get("algorithm", Algorithm.FIXED_WINDOW))
        return {(algorithm, rate.window_seconds) for rate in parse_rates("\n".join(described["rates"]))}
    except (LookupError, TypeError, ValueError, RateError):
        return set()
