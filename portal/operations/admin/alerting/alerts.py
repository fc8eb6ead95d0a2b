"""Alerts in the admin: what is under way, what is normal, the page of each, and what can be done about it."""

from datetime import datetime, timedelta
from typing import Any

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_POST

from limits.admin.acting import actor_of
from portal.operations.admin.alerting.filtering import AlertFilter
from portal.operations.admin.alerting.page import page_context
from portal.operations.admin.alerting.rows import rules_not_judged, silences_in_force, sort_out, watched
from portal.operations.admin.alerting.silencing import SilenceForm
from portal.operations.admin.alerting.unheard import least_told
from portal.operations.admin.alerting.words import at_words
from portal.operations.admin.audit import ReadOnlyAdmin
from portal.operations.models import Alert, Silence
from portal.operations.watching.alerts import acting

ACTIONS = ("acknowledge_alert", "silence_alert")


@admin.register(Alert)
class AlertAdmin(ReadOnlyAdmin):
    class Media:
        css = {"all": ("operations/backups.css", "operations/alerts.css")}

    def get_urls(self) -> list[URLPattern]:
        """The page of all, the part of it that is fetched anew, of each its page, and what can be done."""
        wrap, name = self.admin_site.admin_view, "operations_alert_{}"
        return [
            path("", wrap(self.changelist_view), name=name.format("changelist")),
            path("rows/", wrap(self.rows_view), name=name.format("rows")),
            path("silences/<int:pk>/end/", wrap(self.end_silence_view), name=name.format("end_silence")),
            path("<int:pk>/change/", wrap(self.page_view), name=name.format("change")),
            path("<int:pk>/acknowledge/", wrap(self.acknowledge_view), name=name.format("acknowledge")),
            path("<int:pk>/silence/", wrap(self.silence_view), name=name.format("silence")),
        ]

    # What is shown

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        context = self._context(request) | {"title": "Alerts"} | (extra_context or {})
        return TemplateResponse(request, "admin/operations/alert/list.html", context)

    def rows_view(self, request: HttpRequest) -> HttpResponse:
        """The part of the page that changes."""
        return TemplateResponse(request, "admin/operations/alert/rows.html", self._context(request))

    def page_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """All that is known of one alert: `?days=7` shows the states of a week."""
        try:
            alert, now = self._alert(request, pk), timezone.now()
        except Http404:
            # Messages that lead here live longer than alerts.
            messages.info(request, "That alert is gone, with its rule or with what it was about. The history has it.")
            return HttpResponseRedirect(reverse("admin:operations_alert_changelist"))
        days = 7 if request.GET.get("days") == "7" else 1
        context = {
            **self.admin_site.each_context(request),
            "title": str(alert),
            "opts": self.opts,
            "media": self.media,
            "may": rights(request),
            **page_context(alert, span=timedelta(days=days), now=now),
        }
        return TemplateResponse(request, "admin/operations/alert/page.html", context)

    # What is done

    @method_decorator(require_POST)
    def acknowledge_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Take on an alert that is under way: it is not told again until it is over, or becomes worse."""
        alert = self._alert(request, pk)
        demand(request, "acknowledge_alert")
        if acting.acknowledge(alert, by=actor_of(request).name, now=timezone.now()):
            self.log_change(request, alert, "Acknowledged.")
            messages.success(request, f"“{alert}” is acknowledged: it is not told again until it is over, or worse.")
        else:
            messages.info(request, f"“{alert}” is not under way any more: there is nothing to acknowledge.")
        return _back(request, alert)

    def silence_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Ask for how long, and silence an alert."""
        alert, now = self._alert(request, pk), timezone.now()
        demand(request, "silence_alert")
        form = SilenceForm(request.POST or None, alert=alert, now=now)
        if request.method == "POST" and form.is_valid():
            self._silence(request, alert, form, now=now)
            return HttpResponseRedirect(reverse("admin:operations_alert_changelist"))
        context = {
            **self.admin_site.each_context(request),
            "title": f"Silence “{alert}”",
            "opts": self.opts,
            "media": self.media,
            "alert": alert,
            "form": form,
        }
        return TemplateResponse(request, "admin/operations/alert/silence.html", context)

    @method_decorator(require_POST)
    def end_silence_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Let people be told again."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        demand(request, "silence_alert")
        silence = get_object_or_404(Silence.objects.select_related("rule"), pk=pk)
        if acting.end_silence(silence, by=actor_of(request).name, now=timezone.now()):
            self.log_change(request, silence, "Ended.")
            messages.success(request, "The silence is over: people are told again.")
        else:
            messages.info(request, "The silence was over already.")
        return HttpResponseRedirect(reverse("admin:operations_alert_changelist"))

    def _silence(self, request: HttpRequest, alert: Alert, form: SilenceForm, *, now: datetime) -> None:
        until, target = form.ends_at(), alert.target if form.is_here_only() else ""
        reason = form.cleaned_data["reason"]
        acting.silence(alert.rule, target=target, until=until, reason=reason, by=actor_of(request).name, now=now)
        words = at_words(until, now=now)
        self.log_change(request, alert, f"Silenced until {words}.")
        messages.success(
            request, f"“{alert if target else alert.rule}” is silent until {words}. It is judged as before."
        )

    def _context(self, request: HttpRequest) -> dict[str, Any]:
        if not self.has_view_permission(request):
            raise PermissionDenied
        now = timezone.now()
        chosen = AlertFilter(request.GET)
        rows_url = reverse("admin:operations_alert_rows")
        return {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "media": self.media,
            "filter": chosen,
            "alerts": sort_out(chosen.of(_alerts()), now=now),
            "not_judged": () if chosen.is_set else rules_not_judged(),
            "silences": silences_in_force(now=now),
            "watched": watched(now=now),
            "is_anybody_told": least_told() is not None,
            "rows_url": f"{rows_url}?{request.GET.urlencode()}" if chosen.is_set else rows_url,
            "now": now,
            "may": rights(request),
        }

    def _alert(self, request: HttpRequest, pk: int) -> Alert:
        if not self.has_view_permission(request):
            raise PermissionDenied
        return get_object_or_404(Alert.objects.select_related("rule"), pk=pk)


def rights(request: HttpRequest) -> dict[str, bool]:
    """Return by name what somebody may do with alerts, for templates."""
    return {action: request.user.has_perm(f"operations.{action}") for action in ACTIONS}


def demand(request: HttpRequest, action: str) -> None:
    """Raise PermissionDenied unless somebody may."""
    if not request.user.has_perm(f"operations.{action}"):
        raise PermissionDenied


def _alerts() -> QuerySet[Alert]:
    return Alert.objects.filter(rule__is_on=True).select_related("rule")


def _back(request: HttpRequest, alert: Alert) -> HttpResponse:
    """Return to where somebody pressed: the alert's page, or that of all."""
    if request.POST.get("from") == "page":
        return HttpResponseRedirect(reverse("admin:operations_alert_change", args=(alert.pk,)))
    return HttpResponseRedirect(reverse("admin:operations_alert_changelist"))
