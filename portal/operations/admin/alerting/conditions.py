"""What rules compare, in words for pages. A rule whose condition this version does not know is shown all the same."""

from portal.operations.models import AlertRule
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition


def condition_of(rule: AlertRule) -> Condition | None:
    """Return what a rule compares; None where this version does not know it."""
    return CONDITIONS.get(rule.condition)


def figure(value: float | None, *, key: str) -> str:
    """Return a value with its condition's unit; '' for none."""
    if value is None:
        return ""
    condition = CONDITIONS.get(key)
    return condition.figure(value) if condition else f"{value:g}"


def title_of(rule: AlertRule) -> str:
    """Return what a rule compares, in a few words."""
    condition = condition_of(rule)
    return condition.title if condition else f"{rule.condition} (unknown here: it is not judged)"


def fires_words(rule: AlertRule) -> str:
    """Return at which values a rule fires: `above 90 %`."""
    condition = condition_of(rule)
    if condition is None:
        return f"{rule.threshold:g}"
    if condition.is_yes_or_no:
        return "when it is so"
    return f"{condition.direction} {condition.figure(rule.threshold)}"


def threshold_words(rule: AlertRule) -> str:
    """Return when a rule fires, and when that is over: `fires above 90 %, over at 85 % or less`."""
    fires, condition = f"fires {fires_words(rule)}", condition_of(rule)
    if condition is None or condition.is_yes_or_no or rule.recover_at is None:
        return fires
    return f"{fires}, over at {condition.recovery(rule.recover_at)}"
