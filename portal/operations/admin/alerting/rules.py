"""Alert rules in the admin: the list, the form, what a rule would say now, and switching on and off."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.helpers import AdminForm
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.db.models import QuerySet
from django.forms import Script
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from limits.admin.acting import actor_of
from limits.admin.changes import Change, changes_in, told
from portal.operations.admin.alerting.conditions import fires_words, threshold_words, title_of
from portal.operations.admin.alerting.rule_form import AlertRuleForm
from portal.operations.admin.alerting.trying import said_now
from portal.operations.admin.alerting.words import Sign, severity_sign, state_sign
from portal.operations.admin.spans import in_words
from portal.operations.models import Alert, AlertRule, Silence
from portal.operations.watching.alerts import acting
from portal.operations.watching.alerts.conditions import CONDITIONS

SPAN_UNITS = {"for_seconds": 1, "recover_seconds": 1, "repeat_minutes": 60}

IN_WORDS = ("name", "is_on", "compares", "in_short", "held_for", "good_for", "graveness", "repeats", "quiet")


@admin.register(AlertRule)
class AlertRuleAdmin(admin.ModelAdmin[AlertRule]):
    form = AlertRuleForm
    change_form_template = "admin/operations/alertrule/change_form.html"
    list_display = ("name", "is_on", "compares", "fires", "held_for", "graveness", "state_now", "quiet")
    list_filter = ("is_on", "severity")
    search_fields = ("name",)
    search_help_text = "A part of the rule's name"
    show_facets = admin.ShowFacets.NEVER
    actions = ("switch_on", "switch_off")
    fieldsets = (
        (None, {"fields": ("name", "is_on")}),
        ("When it fires", {"fields": ("condition", "threshold", "for_seconds")}),
        ("When it is over", {"fields": ("recover_at", "recover_seconds")}),
        ("Who is told, and when", {"fields": ("severity", "repeat_minutes", "quiet_from", "quiet_until")}),
    )

    class Media:
        css = {"all": ("operations/backups.css", "operations/alerts.css")}
        js = (Script("operations/alert_rule.js", defer=True),)

    # The list

    def get_queryset(self, request: HttpRequest) -> QuerySet[AlertRule]:
        return super().get_queryset(request).prefetch_related("alerts")

    def changelist_view(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> Any:
        return super().changelist_view(request, {"title": "Alert rules"} | (extra_context or {}))

    @admin.display(description="condition", ordering="condition")
    def compares(self, rule: AlertRule) -> str:
        return title_of(rule)

    @admin.display(description="fires", ordering="threshold")
    def fires(self, rule: AlertRule) -> str:
        return fires_words(rule)

    @admin.display(description="for", ordering="for_seconds")
    def held_for(self, rule: AlertRule) -> str:
        return in_words(rule.for_seconds)

    @admin.display(description="severity", ordering="severity")
    def graveness(self, rule: AlertRule) -> SafeString:
        sign = severity_sign(rule.severity)
        told = '<span class="alerts-severity alerts-{}"><span aria-hidden="true">{}</span> {}</span>'
        return format_html(told, sign.tone, sign.symbol, sign.words)

    @admin.display(description="state now")
    def state_now(self, rule: AlertRule) -> SafeString | str:
        if not rule.is_on:
            return "Off"
        alerts = list(rule.alerts.all())
        if not alerts:
            return "Nothing to judge yet"
        worst = max(alerts, key=lambda alert: (alert.is_active, _GRAVENESS.index(Alert.State(alert.state))))
        number = sum(alert.state == worst.state for alert in alerts)
        return _state(state_sign(worst.state), f"at {number} of {len(alerts)}" if len(alerts) > 1 else "")

    @admin.display(description="quiet", ordering="quiet_from")
    def quiet(self, rule: AlertRule) -> str:
        if rule.quiet_from is None or rule.quiet_until is None:
            return "never"
        return f"{rule.quiet_from:%H:%M}–{rule.quiet_until:%H:%M}"

    # The form

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        rule = self.get_object(request, object_id) if object_id else None
        if request.method == "POST" and "_try" in request.POST:
            return self._try(request, object_id, rule)
        context = {"tried": rule, "said": said_now(rule) if rule else ()} | (extra_context or {})
        return super().changeform_view(request, object_id, form_url, context)

    def get_fieldsets(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        """The form; to those who may only look, the same in words."""
        return [(None, {"fields": IN_WORDS})] if self._only_looks(request, obj) else super().get_fieldsets(request, obj)

    def get_readonly_fields(self, request: HttpRequest, obj: AlertRule | None = None) -> Any:
        return IN_WORDS if self._only_looks(request, obj) else ()

    @admin.display(description="rule")
    def in_short(self, rule: AlertRule) -> str:
        return f"It {threshold_words(rule)}."

    @admin.display(description="over when good for")
    def good_for(self, rule: AlertRule) -> str:
        return in_words(rule.recover_seconds)

    @admin.display(description="told again every")
    def repeats(self, rule: AlertRule) -> str:
        return in_words(rule.repeat_minutes * 60) if rule.repeat_minutes else "never"

    def _only_looks(self, request: HttpRequest, rule: AlertRule | None) -> bool:
        return rule is not None and not self.has_change_permission(request, rule)

    def save_model(self, request: HttpRequest, obj: AlertRule, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        words = told(changed_words(form)) if change else "Added"
        if words:
            acting.note_rule_changed(obj, words=words, by=actor_of(request).name, now=timezone.now())

    def delete_model(self, request: HttpRequest, obj: AlertRule) -> None:
        acting.delete_rule(obj, by=actor_of(request).name, now=timezone.now())

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        for rule in queryset:
            self.delete_model(request, rule)

    def construct_change_message(self, request: HttpRequest, form: Any, formsets: Any, add: bool = False) -> Any:
        """What the history shows: what was, and what is."""
        return "Added." if add else f"{told(changed_words(form)) or 'Nothing changed'}."

    def _try(self, request: HttpRequest, object_id: str | None, rule: AlertRule | None) -> Any:
        """Show the form as it was typed, and what such a rule would say now; save nothing."""
        allowed = self.has_change_permission(request, rule) if rule else self.has_add_permission(request)
        if not allowed or (object_id and rule is None):
            raise PermissionDenied
        form = self.get_form(request, rule, change=rule is not None)(request.POST, instance=rule)
        tried = form.instance if form.is_valid() else None
        fieldsets: Any = self.get_fieldsets(request, rule)
        admin_form = AdminForm(form, fieldsets, {}, model_admin=self)
        context = {
            **self.admin_site.each_context(request),
            "title": "Change alert rule" if rule else "Add alert rule",
            "adminform": admin_form,
            "errors": form.errors,
            "media": self.media + admin_form.media,
            "object_id": object_id,
            "original": self.get_object(request, object_id) if object_id else None,
            "is_popup": False,
            "inline_admin_formsets": [],
            "is_try": True,
            "tried": tried,
            "said": said_now(tried) if tried else (),
        }
        return self.render_change_form(request, context, add=rule is None, change=rule is not None, obj=rule)

    def render_change_form(self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        if tried := context.get("tried"):
            context["tried_words"] = threshold_words(tried)
        return super().render_change_form(request, context, *args, **kwargs)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """With a rule go how it stands and its silences, which nobody deletes by hand. The history stays."""
        to_delete, counts, perms_needed, protected = super().get_deleted_objects(objs, request)
        own = {Alert._meta.verbose_name, Silence._meta.verbose_name}
        return to_delete, counts, set(perms_needed) - own, protected

    # Actions

    @admin.action(description="Switch on", permissions=["change"])
    def switch_on(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        self._switch(request, queryset, is_on=True)

    @admin.action(description="Switch off", permissions=["change"])
    def switch_off(self, request: HttpRequest, queryset: QuerySet[AlertRule]) -> None:
        self._switch(request, queryset, is_on=False)

    def _switch(self, request: HttpRequest, queryset: QuerySet[AlertRule], *, is_on: bool) -> None:
        words, changed = "on" if is_on else "off", list(queryset.filter(is_on=not is_on))
        with transaction.atomic():
            for rule in changed:
                rule.is_on = is_on
                rule.save(update_fields=["is_on"])
                self.log_change(request, rule, f"Switched {words}.")
                acting.note_rule_changed(rule, words=f"Switched {words}", by=actor_of(request).name, now=timezone.now())
        if changed:
            messages.success(request, f"Switched {words}: {', '.join(map(str, changed))}.")
        else:
            messages.info(request, f"Nothing to do: all of them were {words} already.")


_GRAVENESS = [
    Alert.State.NORMAL,
    Alert.State.PENDING,
    Alert.State.RECOVERING,
    Alert.State.NO_DATA,
    Alert.State.ERROR,
    Alert.State.FIRING,
]


def changed_words(form: Any) -> list[Change]:
    """Return what somebody changed in a rule's form, with conditions and spans in words."""
    titles = {key: condition.title for key, condition in CONDITIONS.items()}
    spans = {
        name: {value: in_words(value * unit) for value in _values(form, name)} for name, unit in SPAN_UNITS.items()
    }
    numbers = {name: {value: f"{value:g}" for value in _values(form, name)} for name in ("threshold", "recover_at")}
    return changes_in(form, words={"condition": titles} | spans | numbers)


def _values(form: Any, name: str) -> list[Any]:
    """Return what a field was and what it becomes, where that is something."""
    return [value for value in (form.initial.get(name), form.cleaned_data.get(name)) if value is not None]


def _state(sign: Sign, more: str) -> SafeString:
    told = '<span class="alerts-state alerts-{}"><span aria-hidden="true">{}</span> {}</span> {}'
    return format_html(told, sign.tone, sign.symbol, sign.words, more)
