"""For views with plain django-ratelimit's decorator: `group="login", key="limits.key_for", rate="limits.rate_for"`.

The group names the policy. django-ratelimit asks its cache, and that asks here: so a policy of any kind holds as it
does behind `@limit`, in the same count, overrides and mode included. Of a policy that is more than one fixed window
django-ratelimit hears no more than one rate, the one of which least is left (`limits.W003` tells). Asked without
counting (`increment=False`) it hears whether the next request would be refused.
"""

from functools import partial

from django.http import HttpRequest

from limits import enforcement, identity
from limits.cache import asking
from limits.core.decisions import Decision, RateState
from limits.core.policies import Mode, Policy

_ASKED = "_limits_asked"


def rate_for(group: str, request: HttpRequest) -> tuple[int, int] | None:
    """Return (limit, window in seconds) of the policy in force; None, which counts nothing, when it is off."""
    policy = next(iter(enforcement.covering((group,), method=request.method or "")), None)
    setattr(request, _ASKED, policy)
    return (policy.rates[0].limit, policy.rates[0].window_seconds) if policy else None


def key_for(group: str, request: HttpRequest) -> str:
    """Return what makes the cache ask for a decision; the address when the rate is not `limits.rate_for`."""
    policy: Policy | None = getattr(request, _ASKED, None)
    if policy is None or policy.slug != group:
        return f":{identity.address_of(request)}:"
    return asking(partial(_count, request, policy))


def _count(request: HttpRequest, policy: Policy, amount: int) -> int:
    """Decide, and return a count that django-ratelimit judges alike by the limit that it was told."""
    (decision,) = enforcement.check_policies(request, [policy], cost=None if amount else 0)
    limit = policy.rates[0].limit
    if not decision.allowed or (not amount and _would_refuse(decision)):
        return limit + 1
    return max(amount, *(_share(limit, of=state) for state in decision.states), 0)


def _would_refuse(decision: Decision) -> bool:
    return decision.policy.mode is Mode.ENFORCE and any(
        state.remaining < decision.policy.cost for state in decision.states
    )


def _share(limit: int, *, of: RateState) -> int:
    """Return as much of a limit as is used of a rate, rounded up; where they are the same, what was counted."""
    return -(-limit * (of.rate.capacity - of.remaining) // of.rate.capacity)
