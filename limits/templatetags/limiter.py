"""`{% limiter_line %}`: a line for the admin's header while the limiter is degraded, and nothing otherwise."""

from collections.abc import Iterable
from typing import Any

from django import template

from limits.core.policies import Mode, Policy, WithoutRedis
from limits.in_force import policies_in_force
from limits.store.connection import breaker

register = template.Library()

NAMED_MAX = 5
_HOLDS = {
    WithoutRedis.ALLOW: "let through uncounted",
    WithoutRedis.REFUSE: "refused",
    WithoutRedis.COUNT_HERE: "counted in each process by its share",
}


@register.inclusion_tag("limits/degraded.html")
def limiter_line() -> dict[str, Any]:
    """Tell what ails, since when, and what holds meanwhile; nothing while all is well."""
    if not breaker.degraded:
        return {}
    return {
        "since": _in_words(breaker.degraded_seconds),
        "failure": breaker.failure,
        "is_away": breaker.is_open,
        "holds": what_holds(policies_in_force.snapshot.policies.values()),
    }


def what_holds(policies: Iterable[Policy]) -> str:
    """Return in words what becomes of requests that Redis cannot count, by the policies' names."""
    names: dict[WithoutRedis, list[str]] = {}
    for policy in policies:
        if policy.mode is not Mode.OFF:
            names.setdefault(policy.without_redis, []).append(policy.slug)
    return "; ".join(f"{_HOLDS[choice]}: {_listed(names[choice])}" for choice in WithoutRedis if choice in names)


def _listed(slugs: list[str]) -> str:
    if len(slugs) <= NAMED_MAX + 1:
        return ", ".join(sorted(slugs))
    return f"{', '.join(sorted(slugs)[:NAMED_MAX])} and {len(slugs) - NAMED_MAX} other policies"


def _in_words(seconds: float) -> str:
    if seconds < 60:
        return "for less than a minute"
    minutes = int(seconds // 60)
    return f"for {minutes} minutes" if minutes > 1 else "for a minute"
