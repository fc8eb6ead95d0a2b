"""What people are told of an alert, in plain words."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.timesince import timesince

from portal.operations.models import AlertRule, Message, Severity
from portal.operations.units import plain
from portal.operations.watching.alerts.conditions.condition import Condition
from portal.operations.watching.alerts.judgements import Judgement
from portal.operations.watching.alerts.states import State
from portal.operations.watching.alerts.telling_rules import Due

_KINDS = {Due.START: Message.Kind.START, Due.REPEAT: Message.Kind.REPEAT, Due.END: Message.Kind.END}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Words:
    """A message that is not written yet."""

    subject: str
    body: str
    severity: Severity
    kind: Message.Kind


def words_of(judgement: Judgement, *, due: Due, now: datetime) -> Words:
    """Return the message that is due for an alert."""
    is_trouble = judgement.after.began_at is None
    headline = _untold(judgement) if is_trouble else _headline(judgement)
    severity = _severity(judgement.rule, is_trouble=is_trouble)
    paragraphs = (
        judgement.found.words,
        _span(judgement, due=due, now=now),
        _recovering(judgement),
        _about_rule(judgement),
        "" if due is Due.END or is_trouble else _help(judgement.condition),
        _link(judgement),
    )
    return Words(
        subject=f"{_opening(due, severity=severity)}: {headline}",
        body="\n\n".join(filter(None, paragraphs)),
        severity=severity,
        kind=_KINDS[due],
    )


def _severity(rule: AlertRule, *, is_trouble: bool) -> Severity:
    """Return how much it matters: that nobody knows is no more than a warning."""
    severity = Severity(rule.severity)
    return min(severity, Severity.WARNING) if is_trouble else severity


def _opening(due: Due, *, severity: Severity) -> str:
    if due is Due.END:
        return "Over"
    name = severity.name
    return f"Still {name}" if due is Due.REPEAT else name


def _headline(judgement: Judgement) -> str:
    condition, target = judgement.condition, judgement.alert.target
    return condition.headline.format(target=target) if condition else str(judgement.alert)


def _untold(judgement: Judgement) -> str:
    at = f" at {judgement.alert.target}" if judgement.alert.target else ""
    return f"“{judgement.rule.name}” cannot be judged{at}"


def _span(judgement: Judgement, *, due: Due, now: datetime) -> str:
    """Return since when it is so, or from when until when it was."""
    trouble_since = judgement.told.first_at if due is Due.END else judgement.after.since
    since = judgement.after.began_at or trouble_since or now
    moment, lasted = f"{timezone.localtime(since):%Y-%m-%d %H:%M:%S %Z}", _length(now - since)
    if due is Due.END:
        return f"It began at {moment} and lasted {lasted}."
    return f"Since {moment}." if due is Due.START and since == now else f"Since {moment}, for {lasted}."


def _recovering(judgement: Judgement) -> str:
    """Return that it is good already where that is told late, after a mute."""
    if judgement.after.state is not State.RECOVERING:
        return ""
    since = f"{timezone.localtime(judgement.after.since):%H:%M:%S}"
    return f"It has been good again since {since}; it is over when it stays so for {judgement.rule.recover_seconds} s."


def _length(length: timedelta) -> str:
    """Return a length in words: `2 hours, 5 minutes`."""
    if length < timedelta(minutes=2):
        return f"{max(0.0, length.total_seconds()):.0f} seconds"
    return plain(timesince(_EPOCH, _EPOCH + length))


def _about_rule(judgement: Judgement) -> str:
    rule, condition = judgement.rule, judgement.condition
    if condition is None or condition.is_yes_or_no:
        return f"Rule “{rule.name}”."
    now = f"; it is at {condition.figure(judgement.found.value)} now" if judgement.found.value is not None else ""
    fires = f"it fires {condition.direction} {condition.figure(rule.threshold)}{_over(rule, condition=condition)}"
    return f"Rule “{rule.name}”: {fires}{now}."


def _over(rule: AlertRule, *, condition: Condition) -> str:
    return "" if rule.recover_at is None else f", is over at {condition.recovery(rule.recover_at)}"


def _help(condition: Condition | None) -> str:
    return f"What it means: {condition.meaning}\nWhat to do: {condition.advice}" if condition else ""


def _link(judgement: Judgement) -> str:
    try:
        if judgement.is_closed:
            return settings.SITE_URL + reverse("admin:operations_alert_changelist")
        return settings.SITE_URL + reverse("admin:operations_alert_change", args=[judgement.alert.pk])
    except NoReverseMatch:
        # Sooner without a link than not told at all.
        return ""
