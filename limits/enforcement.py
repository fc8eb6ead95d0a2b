"""From a request to a decision: the policy in force, who is asking, one round trip to count, the judgement.

The hot path. It knows no database, and asks Redis once, and once more when a look at the policies is due.
"""

import logging

from django.core.cache import caches
from django.http import HttpRequest
from django_ratelimit.core import get_usage

from limits import identity, store
from limits.cache import CounterCache, marked
from limits.conf import conf
from limits.core import keys
from limits.core.decisions import Decision, decide
from limits.core.policies import Policy
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force

logger = logging.getLogger("limits")


def check(request: HttpRequest, slug: str) -> Decision | None:
    """Count the request under a policy and judge it. None when the policy is off, unknown, or not for this method.

    When Redis cannot be asked the request is let through: the decision has no states.
    """
    policy = policies_in_force.policy(slug) if conf.enabled else None
    if policy is None or not policy.covers(request.method or ""):
        return None
    client = identity.client_of(request, key=policy.key)
    return judge(policy, client=client, counted=_count(request, policy=policy, client=client))


def judge(policy: Policy, *, client: str, counted: list[store.Counted] | None) -> Decision:
    """Return the decision on counts; one without states when nothing could be counted."""
    if counted is None:
        return Decision(policy, client, ())
    return decide(policy, client=client, counted=counted)


def last_counted(name: str) -> list[store.Counted] | None:
    """Return what django-ratelimit has just counted in this thread; None when Redis could not be asked."""
    cache = caches[conf.cache_alias]
    assert isinstance(cache, CounterCache), "RATELIMIT_USE_CACHE names a cache of limits.cache.CounterCache"
    counted = cache.counted(name)
    return None if counted is None else [counted]


def _count(request: HttpRequest, *, policy: Policy, client: str) -> list[store.Counted] | None:
    if len(policy.rates) == 1:
        return _count_by_django_ratelimit(request, policy=policy, client=client)
    try:
        return store.charge(policy.rates, slug=policy.slug, client=client)
    except StoreUnavailable:
        store.breaker.let_through()
        return None


def _count_by_django_ratelimit(request: HttpRequest, *, policy: Policy, client: str) -> list[store.Counted] | None:
    (rate,) = policy.rates
    name = keys.counter(policy.slug, client=client, window_seconds=rate.window_seconds)
    get_usage(
        request,
        group=policy.slug,
        key=lambda group, request: marked(name),
        rate=(rate.limit, rate.window_seconds),
        increment=True,
    )
    return last_counted(name)
