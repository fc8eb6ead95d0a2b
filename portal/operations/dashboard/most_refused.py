"""Whom the last refusals were about: who has most of those that are kept."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Max

from limits import client_words
from limits.models import LastRefusal, Policy
from portal.operations.checklist.limiter import MADE_UP_BEGINS
from portal.operations.dashboard.periods import Period

CLIENTS_MAX = 5


@dataclass(frozen=True, slots=True)
class MostRefused:
    """A client as it is kept and as people call it, and how often one policy refused it, of what is kept."""

    client: str
    in_words: str
    slug: str
    policy: Policy | None
    """None: it is gone."""
    number: int
    last_at: datetime


def most_refused(period: Period, *, now: datetime, by_name: bool) -> tuple[MostRefused, ...]:
    """Return who was refused most in a period. Users by their names, where `by_name`. The checklist is nobody."""
    kept = (
        LastRefusal.objects.filter(at__gte=period.begins(now=now))
        .exclude(client__startswith=MADE_UP_BEGINS)
        .order_by()
        .values_list("client", "policy")
    )
    found = list(
        kept.annotate(number=Count("pk"), last=Max("at")).order_by("-number", "client", "policy")[:CLIENTS_MAX]
    )
    policies = {policy.slug: policy for policy in Policy.objects.filter(slug__in={slug for _, slug, *_ in found})}
    counted = {(client, slug): (client, _prefix(policies.get(slug))) for client, slug, *_ in found}
    words = client_words.in_words(set(counted.values()), by_name=by_name)
    return tuple(
        MostRefused(
            client,
            in_words=words[counted[client, slug]],
            slug=slug,
            policy=policies.get(slug),
            number=number,
            last_at=last_at,
        )
        for client, slug, number, last_at in found
    )


def _prefix(policy: Policy | None) -> int | None:
    return policy.ipv6_prefix if policy else None
