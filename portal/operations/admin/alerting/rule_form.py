"""The form of an alert rule: what is wrong is told beside the field, and spans are typed in words."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from portal.operations.admin.spans import SpanField
from portal.operations.models import AlertRule
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition, Direction

_SPAN_HELP = "Such as 30 s, 2 min or 1 h"


def _in_unit(words: str) -> SafeString:
    return format_html("{} <span data-alerts-unit></span>", words)


class AlertRuleForm(forms.ModelForm[AlertRule]):
    """Asks for one of the conditions that there are, and for numbers that make sense for it."""

    condition = forms.ChoiceField(label="Condition")
    for_seconds = SpanField(label="When it held for", initial=60, help_text=f"{_SPAN_HELP}; 0: at once.")
    recover_seconds = SpanField(
        label="Over when good for",
        initial=60,
        help_text=f"{_SPAN_HELP}; 0: at once. It keeps an alert that comes and goes from being told each time.",
    )
    repeat_minutes = SpanField(
        label="Told again every",
        unit_seconds=60,
        initial=240,
        help_text="Such as 30 min or 4 h, until it is acknowledged or over; 0: never.",
    )

    class Meta:
        model = AlertRule
        fields = (
            "name",
            "is_on",
            "condition",
            "threshold",
            "recover_at",
            "for_seconds",
            "recover_seconds",
            "severity",
            "repeat_minutes",
            "quiet_from",
            "quiet_until",
        )
        widgets = {
            "severity": forms.RadioSelect(attrs={"class": "radiolist"}),
            "quiet_from": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
            "quiet_until": forms.TimeInput(attrs={"type": "time"}, format="%H:%M"),
        }
        help_texts = {
            "name": "What messages and pages call it.",
            "threshold": _in_unit("A value beyond this fires; one that equals it does not."),
            "recover_at": _in_unit("It is over when the value is back there. Empty: at the threshold."),
            "quiet_from": "From this time nobody is told; what still holds is told when the quiet is over.",
            "quiet_until": "The quiet may go past midnight, such as from 22:00 until 07:00.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "threshold" not in self.fields:
            return  # of somebody who may only look
        known = [(condition.key, condition.title) for condition in sorted_conditions()]
        self.fields["condition"].choices = [("", "Choose one"), *known]  # type: ignore[attr-defined]
        self.fields["condition"].help_text = _all_helps(sorted_conditions())
        self.fields["threshold"].required = False
        for name in ("threshold", "recover_at"):
            self.initial[name] = _shortest(self.initial.get(name))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        condition = CONDITIONS.get(cleaned.get("condition", ""))
        if condition is not None:
            self._check_numbers(cleaned, condition)
        if (cleaned.get("quiet_from") is None) != (cleaned.get("quiet_until") is None) and not self._quiet_is_wrong():
            missing = "quiet_from" if cleaned.get("quiet_from") is None else "quiet_until"
            self.add_error(missing, "Give both times of the quiet, or neither.")
        elif cleaned.get("quiet_from") is not None and cleaned["quiet_from"] == cleaned.get("quiet_until"):
            self.add_error("quiet_until", "The quiet would last no time. To tell nobody at all, switch the rule off.")
        return cleaned

    def _check_numbers(self, cleaned: dict[str, Any], condition: Condition) -> None:
        if condition.is_yes_or_no:
            cleaned["threshold"], cleaned["recover_at"] = 0.0, None
            return
        threshold, recover_at = cleaned.get("threshold"), cleaned.get("recover_at")
        if threshold is None:
            if "threshold" not in self.errors:
                self.add_error("threshold", f"Say at which value it fires{_unit_words(condition)}.")
        elif recover_at is not None and condition.is_bad(recover_at, threshold=threshold):
            side = "at or below" if condition.direction is Direction.ABOVE else "at or above"
            words = f"It fires {condition.direction} {condition.figure(threshold)}, so it must recover {side} that."
            self.add_error("recover_at", words)

    def _quiet_is_wrong(self) -> bool:
        return bool({"quiet_from", "quiet_until"} & set(self.errors))


def _shortest(value: float | None) -> float | None:
    """Return a number that is written without a fraction of nothing: 75, not 75.0."""
    return int(value) if value is not None and value.is_integer() else value


def sorted_conditions() -> list[Condition]:
    """Return all conditions, by their titles."""
    return sorted(CONDITIONS.values(), key=lambda condition: condition.title)


def _unit_words(condition: Condition) -> str:
    return f", in {condition.unit}" if condition.unit else ""


def _all_helps(conditions: Iterable[Condition]) -> SafeString:
    """Return the help of all; a script shows that of the chosen one alone."""
    told = (
        (
            condition.key,
            condition.unit,
            "yes" if condition.is_yes_or_no else "no",
            condition.title,
            condition.compares,
            _side_words(condition),
        )
        for condition in conditions
    )
    return format_html_join(
        "",
        '<span class="alerts-condition" data-condition="{}" data-unit="{}" data-yes-or-no="{}">'
        "<strong>{}</strong>: {} {}</span>",
        told,
    )


def _side_words(condition: Condition) -> str:
    if condition.is_yes_or_no:
        return "It fires when it is so, and needs no threshold."
    return f"It fires {condition.direction} the threshold{_unit_words(condition)}."
