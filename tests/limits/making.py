"""Values that tests of limits begin with."""

import time
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest
from django.test import RequestFactory

from limits.core import snapshots
from limits.core.client_keys import ClientKey
from limits.core.override_index import Part
from limits.core.overrides import Effect, Override, part_of, to_line
from limits.core.policies import Policy
from limits.core.rates import Rate
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force


def policy(slug: str = "login", *rates: Rate, **changes: Any) -> Policy:
    """Return a policy that counts every method by address."""
    values: dict[str, Any] = {
        "title": slug.title(),
        "key": ClientKey("ip"),
        "methods": (),
        "rates": rates or (Rate(5, 60),),
    }
    return Policy(slug=slug, **values | changes)


def put_in_force(*policies: Policy) -> None:
    """Put these policies, and no others, in force in this process, and let it look no further."""
    policies_in_force.take(snapshots.take(policies, revision=1))


def put_override_in_force(subject: str, effect: Effect, *rates: Rate, policy: str = "") -> None:
    """Put one override in force in this process: since a minute ago, without an end."""
    override = Override(1, subject, policy, effect, rates, since=time.time() - 60)
    overrides_in_force.take({part_of(subject): Part("1", (to_line(override),))})


def request(*, method: str = "POST", address: str = "203.0.113.9", **headers: str) -> HttpRequest:
    """Return a request of nobody in particular."""
    made = RequestFactory().generic(method, "/", REMOTE_ADDR=address, headers=headers)
    made.user = AnonymousUser()
    return made
