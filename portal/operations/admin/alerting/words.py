"""Alerts as people read them: severities and states with a sign beside the word, values with their unit, moments."""

from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from portal.operations.admin.spans import in_words
from portal.operations.models import Alert, AlertEvent, Severity

MINUTE = 60


@dataclass(frozen=True, slots=True)
class Sign:
    """What tells something at a glance: a symbol, the words, and the class of the colour that helps."""

    symbol: str
    words: str
    tone: str


_SEVERITIES = {
    Severity.CRITICAL: Sign("✖", "Critical", "critical"),
    Severity.WARNING: Sign("!", "Warning", "warning"),
    Severity.INFO: Sign("i", "Info", "info"),
}
_STATES = {
    Alert.State.NORMAL: Sign("✔", "Normal", "normal"),
    Alert.State.PENDING: Sign("◔", "Pending", "pending"),
    Alert.State.FIRING: Sign("▲", "Firing", "firing"),
    Alert.State.RECOVERING: Sign("◑", "Recovering", "recovering"),
    Alert.State.NO_DATA: Sign("?", "No data", "no-data"),
    Alert.State.ERROR: Sign("⚠", "Error", "error"),
}


def severity_sign(severity: int) -> Sign:
    """Return how a severity is shown."""
    return _SEVERITIES[Severity(severity)]


def state_sign(state: str) -> Sign:
    """Return how a state is shown."""
    return _STATES[Alert.State(state)]


def event_sign(event: AlertEvent) -> Sign:
    """Return how what became of an alert is shown: a state that it entered, or what somebody did."""
    if event.what in Alert.State.values:
        return state_sign(event.what)
    return Sign("✎", event.what[:1].upper() + event.what[1:], "deed")


def ago(moment: datetime, *, now: datetime) -> str:
    """Return how long ago a moment was, by its two largest units, in whole minutes from a minute on."""
    seconds = max(0, int((now - moment).total_seconds()))
    return in_words(seconds if seconds < MINUTE else seconds - seconds % MINUTE, parts=2)


def at_words(moment: datetime, *, now: datetime) -> str:
    """Return a moment: the time alone where it was today."""
    local = timezone.localtime(moment)
    return f"{local:%H:%M:%S}" if local.date() == timezone.localtime(now).date() else f"{local:%Y-%m-%d %H:%M}"
