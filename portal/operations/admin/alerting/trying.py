"""What a rule, saved or not, would say now: its threshold against what was found last."""

from dataclasses import dataclass
from datetime import datetime

from portal.operations.admin.alerting.conditions import condition_of, figure
from portal.operations.admin.alerting.words import Sign, state_sign
from portal.operations.admin.spans import in_words
from portal.operations.models import Alert, AlertRule
from portal.operations.watching.alerts.conditions.condition import Found
from portal.operations.watching.alerts.findings import verdict_of
from portal.operations.watching.alerts.states import Verdict


@dataclass(frozen=True, slots=True)
class Said:
    """What a rule would say of a target by what was found there last."""

    target: str
    value: str
    words: str
    verdict: Sign
    looked_at: datetime


def said_now(rule: AlertRule) -> list[Said]:
    """Return what a rule, saved or not, would say by what any rule found last under the same condition."""
    newest: dict[str, Alert] = {}
    for alert in Alert.objects.filter(rule__condition=rule.condition).order_by("judged_at"):
        newest[alert.target] = alert
    return [_said(rule, alert) for _, alert in sorted(newest.items())]


def _said(rule: AlertRule, alert: Alert) -> Said:
    return Said(
        target=alert.target or "this site",
        value=figure(alert.value, key=rule.condition),
        words=alert.words,
        verdict=_verdict(rule, alert),
        looked_at=alert.judged_at,
    )


def _verdict(rule: AlertRule, alert: Alert) -> Sign:
    if alert.state in (Alert.State.NO_DATA, Alert.State.ERROR):
        return state_sign(alert.state)
    verdict = verdict_of(Found(alert.value, alert.words), condition=condition_of(rule), rule=rule)
    if verdict is not Verdict.BAD:
        return state_sign(Alert.State.NORMAL)
    held = f", once it held for {in_words(rule.for_seconds)}" if rule.for_seconds else ""
    return Sign("▲", f"Would fire{held}", "firing")
