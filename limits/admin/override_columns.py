"""What the list of overrides shows of each, in words, and by what it can be narrowed."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_network
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from limits import subjects
from limits.admin.acting import may_know_users
from limits.core.overrides import Effect, Kind, kind_of
from limits.models import Override, Policy
from limits.models.overrides import KINDS

ALL = "*"
EFFECTS = {Effect.EXEMPT: "Exempt", Effect.DENIED: "Denied", Effect.RATES: "Other rates"}


class OverridePage(ChangeList):
    """One page of the list; the names of its users and groups are looked up together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[Override] = list(self.result_list)
        words = subjects.in_words([row.subject for row in rows], by_name=may_know_users(request))
        for row in rows:
            row.in_words = words[row.subject]
        self.result_list: Any = rows


class StateFilter(admin.SimpleListFilter):
    """Those that hold now, that begin later, that have ended; unless one chooses, those that have not ended."""

    title = "when"
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("now", "Now"), ("later", "Later"), ("ended", "Ended"), (ALL, "All")]

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        chosen_by_none, *others = super().choices(changelist)
        yield from ({**chosen_by_none, "display": "Now or later"}, *others)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Override]) -> QuerySet[Override]:
        now = timezone.now()
        still = Q(until__isnull=True) | Q(until__gt=now)
        narrowed = {
            "now": still & Q(since__lte=now),
            "later": still & Q(since__gt=now),
            "ended": Q(until__lte=now),
            ALL: Q(),
        }
        return queryset.filter(narrowed.get(self.value() or "", still))


class KindFilter(admin.SimpleListFilter):
    """Those for an address, a network, and so on."""

    title = "whom it is for"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(KINDS)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Override]) -> QuerySet[Override]:
        return queryset.filter(kind=self.value()) if self.value() else queryset


class PolicyFilter(admin.SimpleListFilter):
    """Those that name a policy, or hold for all."""

    title = "policy"
    parameter_name = "policy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(ALL, "All policies"), *((slug, slug) for slug in Policy.objects.values_list("slug", flat=True))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Override]) -> QuerySet[Override]:
        value = self.value()
        return queryset if value is None else queryset.filter(policy="" if value == ALL else value)


def effect_in_words(override: Override) -> str:
    """Return what holds, shortly: exempt, denied, or the rates."""
    if override.effect == Effect.RATES:
        return ", ".join(map(str, override.rates))
    return EFFECTS[Effect(override.effect)]


def is_vast(subject: str) -> bool:
    """Say whether it is a network so large that denying it is more often a slip than meant."""
    if kind_of(subject) is not Kind.NETWORK:
        return False
    network = ip_network(subject)
    return network.prefixlen <= (8 if network.version == 4 else 32)


def until_in_words(override: Override, *, now: datetime) -> str:
    """Return how long it still holds: in 3 hours, for ever, ended 2 days ago."""
    if override.until and override.until <= now:
        ago = now - override.until
        return "ended just now" if ago < timedelta(minutes=1) else f"ended {_in_words(ago)} ago"
    ends = f"in {_in_words(override.until - now)}" if override.until else "for ever"
    return ends if override.since <= now else f"{ends}; begins in {_in_words(override.since - now)}"


def _in_words(span: timedelta) -> str:
    """Return a time in the largest unit of which it has two or more, rounded."""
    for name, seconds in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if (number := round(span.total_seconds() / seconds)) >= 2:
            return f"{number} {name}"
    return "a minute"
