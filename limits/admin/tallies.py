"""What came of requests, to look at: tallies by policy and minute, and the last refusals, which need a right of their
own, for they hold addresses of people."""

from datetime import UTC, datetime
from typing import Any

from django.contrib import admin
from django.db.models import Model, QuerySet
from django.http import HttpRequest

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
    list_display_links = None
    actions = None
    change_list_template = "admin/limits/written/change_list.html"

    class Media:
        css = {"all": ("limits/admin.css", "limits/tallies.css")}

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(Tally)
class TallyAdmin(ReadOnlyAdmin):
    list_display = ("begins", "policy", "refused", "shadow_refused", "near_limit", "allowed")
    list_filter = (PolicyFilter, "minute")

    @admin.display(description="minute from", ordering="minute")
    def begins(self, tally: Tally) -> str:
        return _in_utc(tally.minute)


@admin.register(LastRefusal)
class LastRefusalAdmin(ReadOnlyAdmin):
    list_display = ("came", "client", "place", "policy")
    list_filter = (PolicyFilter,)
    search_fields = ("=client", "place")
    search_help_text = "Who, exactly as shown; or a part of where"

    @admin.display(description="at", ordering="at")
    def came(self, refusal: LastRefusal) -> str:
        return _in_utc(refusal.at)


def _in_utc(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
