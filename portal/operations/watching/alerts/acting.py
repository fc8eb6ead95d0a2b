"""What people do about alerts, each with its line in the history."""

from datetime import datetime

from django.db import transaction
from django.db.models import Q

from portal.operations.models import Alert, AlertEvent, AlertRule, Severity, Silence
from portal.operations.watching.alerts.judgements import closed
from portal.operations.watching.alerts.telling_rules import Due
from portal.operations.watching.alerts.writing import note_state, queue_message

EVERY_RULE = "every rule"
DELETED = "The rule was deleted."
_UNDER_WAY = Q(is_active=True) | Q(told_at__isnull=False)


@transaction.atomic
def acknowledge(alert: Alert, *, by: str, now: datetime) -> bool:
    """Stop the repeats of what is under way; return whether anything was.

    It holds until that is over, or until the rule becomes more severe. The end is told all the same.
    """
    rule = alert.rule
    row = Alert.objects.filter(_UNDER_WAY, pk=alert.pk)
    if not row.update(acknowledged_by=by[:254], acknowledged_at=now, acknowledged_severity=rule.severity):
        return False
    _note(rule, target=alert.target, what="acknowledged", words="", by=by, now=now)
    return True


@transaction.atomic
def silence(
    rule: AlertRule | None, *, target: str = "", until: datetime, reason: str = "", by: str, now: datetime
) -> Silence:
    """Tell nobody of a rule (None: of any) at a target ('': at any) until a moment; what holds then is told then.

    Raises ValueError where that moment has passed.
    """
    if until <= now:
        raise ValueError("A silence ends after it begins.")
    made = Silence.objects.create(
        rule=rule, target=target, begins_at=now, until=until, reason=reason[:200], by=by[:254]
    )
    _note(rule, target=target, what="silenced", words=reason, by=by, now=now)
    return made


@transaction.atomic
def end_silence(silence: Silence, *, by: str, now: datetime) -> bool:
    """End a silence now; return whether it still held."""
    if not Silence.objects.filter(pk=silence.pk, until__gt=now).update(until=now):
        return False
    _note(silence.rule, target=silence.target, what="silence ended", words=silence.reason, by=by, now=now)
    return True


def note_rule_changed(rule: AlertRule, *, words: str, by: str, now: datetime) -> None:
    """Write down in the history that somebody changed a rule, and what of it."""
    _note(rule, target="", what="rule changed", words=words, by=by, now=now)


@transaction.atomic
def delete_rule(rule: AlertRule, *, by: str, now: datetime) -> None:
    """Delete a rule and its alerts. Who was told that something began is told that nobody judges it any more.

    That is told at once, be it silenced or not: there is no row left that could wait.
    """
    for alert in Alert.objects.select_for_update().filter(_UNDER_WAY, rule=rule):
        judgement = closed(alert, words=DELETED, now=now)
        if judgement.has_moved:
            note_state(judgement, now=now)
        if alert.told_at is not None:
            queue_message(judgement, due=Due.END, now=now)
    _note(rule, target="", what="rule deleted", words="", by=by, now=now)
    rule.delete()


def _note(rule: AlertRule | None, *, target: str, what: str, words: str, by: str, now: datetime) -> None:
    AlertEvent.objects.create(
        at=now,
        rule_name=rule.name if rule else EVERY_RULE,
        target=target,
        severity=rule.severity if rule else Severity.INFO,
        what=what,
        words=words[:500],
        by=by[:254],
    )
