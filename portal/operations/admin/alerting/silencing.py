"""Silencing alerts: for how long, where, and why."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from portal.operations.admin.alerting.words import at_words
from portal.operations.models import Alert

HOUR, FOUR_HOURS, MORNING, OWN = "1 h", "4 h", "morning", "own"
HERE, EVERYWHERE = "here", "everywhere"
LONGEST = timedelta(days=30)
_MORNING = time(8)


class SilenceForm(forms.Form):
    """Asks how long nobody is to be told of an alert. What was typed is kept where it is refused."""

    how_long = forms.ChoiceField(label="For how long", widget=forms.RadioSelect, initial=HOUR)
    until = forms.DateTimeField(
        label="Until",
        required=False,
        widget=forms.DateTimeInput(attrs={"type": "datetime-local"}, format="%Y-%m-%dT%H:%M"),
        help_text="Only for a time of your own; 30 days on at the latest.",
    )
    where = forms.ChoiceField(label="Where", widget=forms.RadioSelect, initial=HERE)
    reason = forms.CharField(
        max_length=200, required=False, help_text="For whoever wonders why it is silent. You may leave it empty."
    )

    def __init__(self, *args: Any, alert: Alert, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.now = now
        self.fields["how_long"].choices = [  # type: ignore[attr-defined]
            (HOUR, "1 hour"),
            (FOUR_HOURS, "4 hours"),
            (MORNING, f"Until {'today' if _is_today(now) else 'tomorrow'} at 8:00"),
            (OWN, "Until a time of your own"),
        ]
        self.fields["where"].choices = [  # type: ignore[attr-defined]
            (HERE, f"“{alert.rule}” at {alert.target} only" if alert.target else f"“{alert.rule}”"),
            *([(EVERYWHERE, f"“{alert.rule}” everywhere")] if alert.target else []),
        ]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("how_long") == OWN and "until" not in self.errors:
            self._check(cleaned.get("until"))
        return cleaned

    def ends_at(self) -> datetime:
        """Return until when, of a valid form."""
        how_long = self.cleaned_data["how_long"]
        if how_long == OWN:
            until: datetime = self.cleaned_data["until"]
            return until
        if how_long == MORNING:
            return next_morning(self.now)
        return self.now + timedelta(hours=4 if how_long == FOUR_HOURS else 1)

    def is_here_only(self) -> bool:
        """Say whether a valid form means the alert's target alone."""
        return bool(self.cleaned_data["where"] == HERE)

    def _check(self, until: datetime | None) -> None:
        if until is None:
            self.add_error("until", "Say until when, as you chose a time of your own.")
        elif until <= self.now:
            self.add_error("until", f"This is past: it is {at_words(self.now, now=self.now)} now.")
        elif until > self.now + LONGEST:
            self.add_error("until", "This is more than 30 days on. To be rid of a rule, switch it off.")


def next_morning(now: datetime) -> datetime:
    """Return the next 8:00, today's or tomorrow's, by the site's time zone."""
    local = timezone.localtime(now)
    day = local.date() if _is_today(now) else local.date() + timedelta(days=1)
    return timezone.make_aware(datetime.combine(day, _MORNING), local.tzinfo)


def _is_today(now: datetime) -> bool:
    return timezone.localtime(now).time() < _MORNING
