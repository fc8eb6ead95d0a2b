"""For views with plain django-ratelimit's decorator: `group="login", key="limits.key_for", rate="limits.rate_for"`.

The group names the policy; the counter is the same as `@limit`'s. django-ratelimit counts one rate, so this is for
policies of one rate: of several it holds the one with the longest window (`limits.W003` tells).
"""

from dataclasses import dataclass, replace

from django.http import HttpRequest

from limits import identity
from limits.cache import marked
from limits.core import keys
from limits.core.decisions import Decision
from limits.core.policies import Policy
from limits.enforcement import judge, last_counted
from limits.in_force import policies_in_force

_ASKED = "_limits_asked"


@dataclass(frozen=True, slots=True)
class _Asked:
    policy: Policy
    client: str

    @property
    def counter(self) -> str:
        (rate,) = self.policy.rates
        return keys.counter(self.policy.slug, client=self.client, window_seconds=rate.window_seconds)


def rate_for(group: str, request: HttpRequest) -> tuple[int, int] | None:
    """Return (limit, window in seconds) of the policy in force; None, which counts nothing, when it is off."""
    policy = policies_in_force.policy(group)
    if policy is None or not policy.covers(request.method or ""):
        return None
    first = replace(policy, rates=policy.rates[:1])
    setattr(request, _ASKED, _Asked(first, identity.client_of(request, key=policy.key)))
    return first.rates[0].limit, first.rates[0].window_seconds


def key_for(group: str, request: HttpRequest) -> str:
    """Return the counter's name, marked for `limits.cache`; the address when the rate is not `limits.rate_for`."""
    asked: _Asked | None = getattr(request, _ASKED, None)
    return marked(asked.counter) if asked else f":{identity.address_of(request)}:"


def decision_of(request: HttpRequest) -> Decision | None:
    """Return the decision that plain django-ratelimit came to for this request; None when it was not asked."""
    asked: _Asked | None = getattr(request, _ASKED, None)
    if asked is None:
        return None
    return judge(asked.policy, client=asked.client, counted=last_counted(asked.counter))
