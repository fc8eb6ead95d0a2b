"""What came of requests, to look at: tallies by policy and minute, and the last refusals, which need a right of their
own, for they hold addresses of people."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from limits import client_words
from limits.admin.acting import may_know_users
from limits.admin.client_links import counters_url, may_override, may_see_counters, override_url
from limits.admin.client_search import refusals_found_by
from limits.core.overrides import Effect
from limits.models import LastRefusal, Policy, Tally


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
    actions = None
    change_list_template = "admin/limits/written/change_list.html"
    title = ""

    class Media:
        css = {"all": ("limits/admin.css", "limits/tallies.css")}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        return super().changelist_view(request, {"title": self.title} | (extra_context or {}))

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    title = "Tallies by minute and policy"
    list_display = ("begins", "policy", "refused", "shadow_refused", "near_limit", "allowed")
    list_filter = (PolicyFilter, "minute")

    @admin.display(description="minute from", ordering="minute")
    def begins(self, tally: Tally) -> str:
        return _in_utc(tally.minute)


class RefusalPage(ChangeList):
    """One page of last refusals; whom they are about, and what can be done, is looked up for all of them together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: list[LastRefusal] = list(self.result_list)
        words = client_words.in_words({row.client for row in rows}, by_name=may_know_users(request))
        policies = {policy.slug: policy for policy in Policy.objects.filter(slug__in={row.policy for row in rows})}
        for row in rows:
            row.in_words = words[row.client]
            policy = policies.get(row.policy)
            row.links = tuple(_links(request, policy, client=row.client)) if policy else ()
        self.result_list: Any = rows


@admin.register(LastRefusal)
class LastRefusalAdmin(ReadOnlyAdmin):
    title = "Last refusals"
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


def _links(request: HttpRequest, policy: Policy, *, client: str) -> Iterator[tuple[str, str]]:
    if may_see_counters(request):
        yield "Counters", counters_url(policy, client=client)
    if may_override(request) and (denied := override_url(policy, client=client, effect=Effect.DENIED)):
        yield "Deny…", denied
        yield "Other rates…", override_url(policy, client=client, effect=Effect.RATES)


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
