"""What came of requests, to look at: tallies by policy and minute, and the last refusals, which need a right of their
own, for they hold addresses of people."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import admin, messages
from django.contrib.admin.views.main import ChangeList
from django.db.models import Count, Min, Model, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from limits import client_words
from limits.admin.acting import may_know_users
from limits.admin.client_links import counters_url, may_override, may_see_counters, override_url
from limits.admin.client_search import refusals_found_by
from limits.admin.denying_many import Refused, denying
from limits.core.decisions import NEAR
from limits.core.overrides import Effect
from limits.models import LastRefusal, Policy, Tally

MOST_REFUSED_MAX = 10
NAMED_MAX = 5
"""So many of those who are left out are named."""


class PolicyFilter(admin.SimpleListFilter):
    """Offers the policies that are there now, and takes any."""

    title = "policy"
    parameter_name = "policy"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(slug, slug) for slug in Policy.objects.order_by("slug").values_list("slug", flat=True)[:200]]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(policy=self.value()) if self.value() else queryset


class ReadOnlyAdmin(admin.ModelAdmin[Any]):
    """A list that nobody writes by hand. Counting all of it would cost more than the page."""

    list_per_page = 100
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_display_links = None
    actions: Sequence[Any] | None = None
    change_list_template = "admin/limits/written/change_list.html"
    title = ""
    help = "Written once a minute."

    class Media:
        css = {"all": ("limits/admin.css", "limits/tallies.css")}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": self.title, "help": self.help} | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    title = "Tallies by minute and policy"
    help = (
        "Written once a minute. Each decision of a policy counts in one column alone. Near the limit: allowed, with "
        f"less than {NEAR:.0%} of the limit left. Refused in shadow: let through, as nobody is refused in shadow mode."
    ).replace("%", " %")
    list_filter = (PolicyFilter, "minute")

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        leads_on = any(request.user.has_perm(f"limits.{action}_lastrefusal") for action in ("view", "change"))
        return ("begins", "policy", "refusals" if leads_on else "refused", "shadow_refused", "near_limit", "allowed")

    @admin.display(description="minute from", ordering="minute")
    def begins(self, tally: Tally) -> str:
        return _in_utc(tally.minute)

    @admin.display(description="refused", ordering="refused")
    def refusals(self, tally: Tally) -> SafeString:
        url = f"{reverse('admin:limits_lastrefusal_changelist')}?{urlencode({'policy': tally.policy})}"
        told = '<a href="{}">{}<span class="visually-hidden"> by {}: the last refusals</span></a>'
        return format_html(told, url, tally.refused, tally.policy)


@dataclass(slots=True)
class MostRefused:
    """A client and the policy that refused it so many times, since the moment of the first one that is kept."""

    client: str
    policy: str
    number: int
    since: str
    in_words: str = ""
    links: Sequence[tuple[str, str]] = ()


class RefusalPage(ChangeList):
    """One page of last refusals, and at its head who has most of all that are found.

    Whom they are about, and what can be done, is looked up for all of them together.
    """

    most_refused: Sequence[MostRefused] = ()

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[LastRefusal] = list(self.result_list)
        self.most_refused = _most_refused(self.queryset)
        shown: tuple[LastRefusal | MostRefused, ...] = (*rows, *self.most_refused)
        policies = {policy.slug: policy for policy in Policy.objects.filter(slug__in={row.policy for row in shown})}
        words = _in_words(request, {(row.client, row.policy) for row in shown}, policies=policies.values())
        for row in shown:
            row.in_words = words[row.client, row.policy]
            policy = policies.get(row.policy)
            row.links = tuple(_links(request, policy, client=row.client)) if policy else ()
        self.result_list: Any = rows


@admin.register(LastRefusal)
class LastRefusalAdmin(ReadOnlyAdmin):
    title = "Last refusals"
    change_list_template = "admin/limits/lastrefusal/change_list.html"
    actions = ("deny_chosen",)
    list_filter = (PolicyFilter,)
    empty_value_display = ""
    search_fields = ("=client", "place")
    search_help_text = "An address, a user, what was sent, or who as it is kept; or a part of where"

    def get_list_display(self, request: HttpRequest) -> tuple[str, ...]:
        leads_on = may_see_counters(request) or may_override(request)
        return ("came", "who", "place", "policy", *(("act",) if leads_on else ()))

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[RefusalPage]:
        return RefusalPage

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Find by plain words, too: what is counted by an address, or by what stands for a user or for a text."""
        found, may_repeat = super().get_search_results(request, queryset, search_term)
        if search_term.strip():
            found |= queryset.filter(refusals_found_by(search_term.strip(), by_name=may_know_users(request)))
        return found, may_repeat

    @admin.display(description="at", ordering="at")
    def came(self, refusal: LastRefusal) -> str:
        return _in_utc(refusal.at)

    @admin.display(description="who", ordering="client")
    def who(self, refusal: LastRefusal) -> str:
        if refusal.in_words == refusal.client:
            return refusal.client
        return format_html('{}<div class="limits-as-kept">{}</div>', refusal.in_words, refusal.client)

    @admin.display(description="act")
    def act(self, refusal: LastRefusal) -> SafeString:
        link = '<a href="{}">{}<span class="visually-hidden"> for {}</span></a>'
        return format_html_join(" ", link, ((url, words, refusal.in_words) for words, url in refusal.links))

    def has_add_override_permission(self, request: HttpRequest) -> bool:
        return may_override(request)

    @admin.action(description="Deny the chosen clients…", permissions=["add_override"])
    def deny_chosen(self, request: HttpRequest, queryset: QuerySet[LastRefusal]) -> HttpResponse | None:
        chosen = tuple(dict.fromkeys(queryset.values_list("client", "policy")))
        filled_in = denying(chosen, by_name=may_know_users(request))
        if filled_in.left_out:
            _tell_who_is_left_out(request, filled_in.left_out)
        if not filled_in.url:
            messages.error(request, "Nothing is left of what was chosen.")
            return None
        if filled_in.is_too_long:
            messages.error(request, "These are too many clients to be taken over at once: choose fewer.")
            return None
        return HttpResponseRedirect(filled_in.url)


def _most_refused(refusals: QuerySet[LastRefusal]) -> list[MostRefused]:
    found = refusals.order_by().values_list("client", "policy").annotate(number=Count("pk"), since=Min("at"))
    most = found.order_by("-number", "client", "policy")[:MOST_REFUSED_MAX]
    return [MostRefused(client, policy, number, _in_utc(since)) for client, policy, number, since in most]


def _in_words(request: HttpRequest, refused: Iterable[Refused], *, policies: Iterable[Policy]) -> dict[Refused, str]:
    prefixes = {policy.slug: policy.ipv6_prefix for policy in policies}
    counted = {(client, slug): (client, prefixes.get(slug)) for client, slug in refused}
    words = client_words.in_words(set(counted.values()), by_name=may_know_users(request))
    return {one: words[found] for one, found in counted.items()}


def _tell_who_is_left_out(request: HttpRequest, left_out: Sequence[Refused]) -> None:
    named = left_out[:NAMED_MAX]
    policies = Policy.objects.filter(slug__in={slug for _, slug in named})
    words = "; ".join(_in_words(request, named, policies=policies).values())
    rest = "" if len(named) == len(left_out) else "; …"
    messages.warning(
        request,
        f"Left out, for no line of a list can name them, or their policy is gone: {words}{rest}. Where “Deny…” stands "
        "beside one, that denies it.",
    )


def _links(request: HttpRequest, policy: Policy, *, client: str) -> Iterator[tuple[str, str]]:
    if may_see_counters(request):
        yield "Counters", counters_url(policy, client=client)
    if may_override(request) and (denied := override_url(policy, client=client, effect=Effect.DENIED)):
        yield "Deny…", denied
        yield "Other rates…", override_url(policy, client=client, effect=Effect.RATES)


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
