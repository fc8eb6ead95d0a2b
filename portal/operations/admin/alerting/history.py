"""The history of alerts: a list that nobody writes by hand, and that outlives the rules."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from portal.operations.admin.alerting.words import event_sign, severity_sign
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.models import Alert, AlertEvent, AlertRule


class WhatFilter(admin.SimpleListFilter):
    """By the state that was entered, or by what somebody did."""

    title = "what"
    parameter_name = "what"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        there = set(AlertEvent.objects.order_by().values_list("what", flat=True).distinct())
        known = [*Alert.State.values, *sorted(there.difference(Alert.State.values))]
        return [(what, what[:1].upper() + what[1:]) for what in known if what in there]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AlertEvent]) -> QuerySet[AlertEvent]:
        return queryset.filter(what=self.value()) if self.value() else queryset


class RuleFilter(admin.SimpleListFilter):
    """By the rule; one that is gone, too."""

    title = "rule"
    parameter_name = "rule_name"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        names = AlertEvent.objects.order_by("rule_name").values_list("rule_name", flat=True).distinct()
        return [(name, name) for name in names]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AlertEvent]) -> QuerySet[AlertEvent]:
        return queryset.filter(rule_name=self.value()) if self.value() else queryset


class DayFilter(admin.SimpleListFilter):
    """By how long ago it was; days are the site's, so that no database needs to know of time zones."""

    title = "day"
    parameter_name = "day"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("today", "Today"), ("yesterday", "Yesterday"), ("week", "Past 7 days"), ("month", "Past 30 days")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[AlertEvent]) -> QuerySet[AlertEvent]:
        today = timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)
        spans: dict[str, tuple[datetime, datetime]] = {
            "today": (today, today + timedelta(days=1)),
            "yesterday": (today - timedelta(days=1), today),
            "week": (today - timedelta(days=6), today + timedelta(days=1)),
            "month": (today - timedelta(days=29), today + timedelta(days=1)),
        }
        span = spans.get(self.value() or "")
        return queryset.filter(at__gte=span[0], at__lt=span[1]) if span else queryset


@admin.register(AlertEvent)
class AlertEventAdmin(ReadOnlyAdmin):
    list_display = ("when", "what_happened", "rule_and_target", "graveness", "found", "who")
    list_display_links = None
    list_filter = (DayFilter, WhatFilter, "severity", RuleFilter)
    search_fields = ("rule_name", "target", "words", "by")
    search_help_text = "A part of the rule's name, of the target, of what was found, or of who"

    class Media:
        css = {"all": ("operations/backups.css", "operations/alerts.css")}

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # Of the rules that are still there, for the units of values; asked once a page.
        self.conditions = dict(AlertRule.objects.values_list("name", "condition"))
        return super().changelist_view(request, {"title": "History of alerts"} | (extra_context or {}))

    @admin.display(description="at", ordering="at")
    def when(self, event: AlertEvent) -> str:
        return f"{timezone.localtime(event.at):%Y-%m-%d %H:%M:%S %Z}"

    @admin.display(description="what", ordering="what")
    def what_happened(self, event: AlertEvent) -> SafeString:
        sign = event_sign(event)
        told = '<span class="alerts-state alerts-{}"><span aria-hidden="true">{}</span> {}</span>'
        return format_html(told, sign.tone, sign.symbol, sign.words)

    @admin.display(description="rule", ordering="rule_name")
    def rule_and_target(self, event: AlertEvent) -> SafeString:
        return format_html('{}<span class="operations-why">{}</span>', event.rule_name, event.target)

    @admin.display(description="severity", ordering="severity")
    def graveness(self, event: AlertEvent) -> str:
        return severity_sign(event.severity).words

    @admin.display(description="what was found")
    def found(self, event: AlertEvent) -> str:
        return event.words

    @admin.display(description="by", ordering="by")
    def who(self, event: AlertEvent) -> str:
        return event.by
