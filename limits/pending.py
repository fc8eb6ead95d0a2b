"""Policies that the middleware leaves to a view's own door, so that all that hold for a request are asked at once."""

from collections.abc import Sequence

from django.http import HttpRequest

from limits.core.policies import Policy
from limits.enforcement import Asked

_PENDING = "_limits_pending"


def leave_pending(request: HttpRequest, policies: Sequence[Policy]) -> None:
    """Leave policies for the door that the request is about to come to."""
    request.__dict__[_PENDING] = policies


def take_pending(request: HttpRequest) -> Sequence[Policy]:
    """Return the policies that were left, once."""
    # REST framework wraps Django's request in another.
    found: Sequence[Policy] = getattr(request, "_request", request).__dict__.pop(_PENDING, ())
    return found


def with_pending(request: HttpRequest, asked: Sequence[Asked]) -> list[Asked]:
    """Return the policies that were left, by what they say themselves, and those that a door asks."""
    own = {each.policy.slug for each in asked}
    left = [Asked(policy) for policy in take_pending(request) if policy.slug not in own]
    return [*left, *asked]
