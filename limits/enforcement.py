"""From a request to decisions: the policies in force, who is asking, one round trip to count, the judgement.

The hot path. It knows no database, and asks Redis once at most. What is known to be refused, it does not ask at all.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from limits import cache, charged, identity
from limits.charged import CountsWhen
from limits.conf import conf
from limits.core import keys
from limits.core.client_keys import ClientKey
from limits.core.decisions import Basis, Claim, Decision, decide_fixed_window, refusing
from limits.core.overrides import Effect, Kind, Override, kind_of
from limits.core.policies import Policy, WithoutRedis
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force
from limits.refusals import refusals
from limits.store import counters
from limits.store.connection import breaker
from limits.tallies import tallies
from limits.without_redis import count_here

Answer = TypeVar("Answer")

BY_USER = ClientKey("user")
DENIED_SECONDS = 86_400
"""What a client who is denied without an end is told to wait."""


def check(request: HttpRequest, *slugs: str, cost: int | None = None) -> Decision | None:
    """Count the request under the policies of these names, all of them or none, and judge it.

    Returns the decision that matters: the refusal, else that of the first policy named; None when all of them are off,
    unknown, or not for this method. The answer's headers name every one.
    """
    policies = covering(slugs, method=request.method or "")
    decisions = check_policies(request, policies, cost=cost)
    return refusing(decisions) or (decisions[0] if decisions else None)


async def acheck(request: HttpRequest, *slugs: str, cost: int | None = None) -> Decision | None:
    """Do as `check`, for async code: the event loop waits for nobody."""
    return await in_thread(partial(check, cost=cost), request, *slugs)


def covering(slugs: Iterable[str], *, method: str) -> list[Policy]:
    """Return the policies of these names that are in force and look at this method."""
    if not conf.enabled:
        return []
    found = []
    for slug in dict.fromkeys(slugs):
        policy = policies_in_force.policy(slug)
        if policy is not None and policy.covers(method):
            found.append(policy)
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """A policy that holds for a request. What code says of cost and outcome goes before what the policy says."""

    policy: Policy
    cost: int | None = None
    counts_when: CountsWhen = None


def check_policies(request: HttpRequest, policies: Sequence[Policy], *, cost: int | None = None) -> list[Decision]:
    """Count a request under policies that hold for it, all of them or none, and note the decisions on the request."""
    return decide(request, [Asked(policy, cost) for policy in policies])


def decide(request: HttpRequest, asked: Sequence[Asked]) -> list[Decision]:
    """Do as `check_policies` for what is asked, no policy twice. Of what is not counted because another refuses, no
    decision is returned.
    """
    if not asked:
        return []
    began_at = refusals.now()
    made: dict[str, Decision] = {}
    claims: list[Claim] = []
    for each in asked:
        found = _decision_or_claim(request, each)
        if isinstance(found, Decision):
            made[found.policy.slug] = found
        else:
            claims.append(found)
    asked_at = refusals.now()
    if claims and (not made or refusing(made.values()) is None):
        for decision in remembered(_count(request, claims), asked_at=asked_at):
            made[decision.policy.slug] = decision
    seconds: float | None = refusals.now() - began_at
    decided = [(made[each.policy.slug], each.counts_when) for each in asked if each.policy.slug in made]
    charged.note(request, decided)
    for decision in made.values():
        # They were decided together: that took its time once.
        tallies.note(decision, request=request, seconds=seconds)
        seconds = None
    return [decision for decision, _ in decided]


def _decision_or_claim(request: HttpRequest, asked: Asked) -> Decision | Claim:
    """Return what an override or a known refusal settles, else what is to be counted."""
    policy = asked.policy
    client = identity.client_of(request, key=policy.key, ipv6_prefix=policy.ipv6_prefix)
    if not overrides_in_force.are_none and (override := overrides_in_force.winner(request, policy=policy)):
        if override.effect is not Effect.RATES:
            return decide_by_override(policy, override=override, client=client)
        policy = replace(policy, rates=override.rates)
        client = _client_with_own_rates(request, policy=policy, override=override) or client
    cost = cost_of(policy, asked.cost)
    return refusals.known(policy, client=client, cost=cost) or Claim(policy, client, cost)


def _client_with_own_rates(request: HttpRequest, *, policy: Policy, override: Override) -> str:
    """Return as whom one is counted who has other rates than those around; '' when the policy counts people anyway.

    Else one who may do more would use up what those who share the address may do.
    """
    if kind_of(override.subject) not in (Kind.USER, Kind.GROUP) or identity.needs_user(policy.key):
        return ""
    return identity.client_of(request, key=BY_USER)


def cost_of(policy: Policy, cost: int | None) -> int:
    """Return what a request of this cost, or of the policy's, is charged: what can never fit is all that can."""
    wanted = policy.cost if cost is None else max(0, cost)
    # One always fits; a policy's own cost may not fit an override's rates.
    return wanted if wanted <= 1 else min(wanted, *[rate.capacity for rate in policy.rates])


def remembered(decisions: list[Decision], *, asked_at: float) -> list[Decision]:
    """Return the decisions, those that refuse remembered."""
    for decision in decisions:
        if not decision.allowed:
            refusals.remember(decision, asked_at=asked_at)
    return decisions


def decide_by_override(policy: Policy, *, override: Override, client: str) -> Decision:
    """Return the decision for a client who is exempt or denied."""
    if override.effect is Effect.EXEMPT:
        return Decision(policy, client, basis=Basis.EXEMPT)
    if override.until is None:
        return Decision(policy, client, basis=Basis.DENIED_FOR_GOOD, wait_milliseconds=DENIED_SECONDS * 1000)
    left_milliseconds = int((override.until - time.time()) * 1000)
    return Decision(policy, client, basis=Basis.DENIED, wait_milliseconds=max(1, left_milliseconds))


def count_claims(claims: Sequence[Claim]) -> list[Decision]:
    """Count claims in Redis, or as their policies say when it cannot be asked."""
    try:
        return counters.charge(claims)
    except StoreUnavailable:
        return _without_redis(claims)


def _count(request: HttpRequest, claims: Sequence[Claim]) -> list[Decision]:
    if len(claims) == 1 and claims[0].cost == 1 and claims[0].policy.is_plain:
        return [_count_by_django_ratelimit(request, claims[0])]
    return count_claims(claims)


def _count_by_django_ratelimit(request: HttpRequest, claim: Claim) -> Decision:
    name = counted_as(claim.policy, client=claim.client)
    (rate,) = claim.policy.rates
    get_usage(
        request,
        group=claim.policy.slug,
        key=lambda group, request: name,
        rate=(rate.limit, rate.window_seconds),
        increment=True,
    )
    return last_counted(claim, name=name)


def counted_as(policy: Policy, *, client: str) -> str:
    """Return what django-ratelimit is given to count a client of a plain policy by."""
    rate = policy.rates[0]
    name = keys.counter(policy.slug, client=client, window_seconds=rate.window_seconds)
    return cache.marked(name, limit=0 if policy.refusals_count else rate.limit)


def last_counted(claim: Claim, *, name: str) -> Decision:
    """Return the decision on what django-ratelimit has just counted in this thread."""
    counted = cache.last_counted(name)
    if counted is None:
        return _without_redis([claim])[0]
    return decide_fixed_window(claim.policy, client=claim.client, count=counted[0], rest_milliseconds=counted[1])


def _without_redis(claims: Sequence[Claim]) -> list[Decision]:
    """Return what each policy says of a request that Redis could not be asked about."""
    here = [claim for claim in claims if claim.policy.without_redis is WithoutRedis.COUNT_HERE]
    decisions = [
        Decision(claim.policy, claim.client, basis=Basis.UNCOUNTED, cost=claim.cost)
        for claim in claims
        if claim.policy.without_redis is not WithoutRedis.COUNT_HERE
    ]
    for decision in decisions:
        if decision.allowed:
            breaker.let_through()
    if here and refusing(decisions):
        # What one refuses is charged to none: here is only looked.
        here = [replace(claim, cost=0) for claim in here]
    return decisions + count_here(here)


async def in_thread(function: Callable[..., Answer], *args: Any) -> Answer:
    """Run what may ask Redis in a thread, so that the event loop waits for nobody.

    It is the thread in which Django runs a request's sync code, one for each request under ASGI: who is logged in, if
    a policy counts people, is asked there as in a sync view.
    """
    return await sync_to_async(function)(*args)
