"""Why people are not told of alerts at a moment, asked of the rules by which they are told."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from django.db.models import Min

from portal.operations.models import Alert, Channel, Severity
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Found
from portal.operations.watching.alerts.judgements import Judgement, standing_of, told_of
from portal.operations.watching.alerts.mutes import Mutes, mutes_of
from portal.operations.watching.readings import Look
from portal.operations.watching.samples.keeping import last_looks


def whys_unheard(alerts: Iterable[Alert], *, now: datetime) -> dict[int, str]:
    """Return of each alert, by its key, why nobody is told of it: a sentence, or '' where people are told."""
    mutes, told_from = _mutes(now=now), least_told()
    return {
        alert.pk: mutes.why(_as_it_stands(alert)) or _why_no_channel(alert.rule.severity, told_from=told_from)
        for alert in alerts
    }


def least_told() -> int | None:
    """Return the least severity that a channel is told of; None where none is on."""
    on = Channel.objects.filter(is_on=True)
    least: int | None = on.aggregate(least=Min("least_severity"))["least"]
    return least


def _why_no_channel(severity: int, *, told_from: int | None) -> str:
    if told_from is None:
        return "No channel is on."
    return "" if severity >= told_from else f"Channels are told from {Severity(told_from).label.lower()} on."


def _mutes(*, now: datetime) -> Mutes:
    under_way = Alert.objects.filter(is_active=True, rule__is_on=True).select_related("rule")
    last = [replace(server, reading=None if server.failure else server.reading) for server in last_looks()]
    return mutes_of(map(_as_it_stands, under_way), look=Look(now, tuple(last)), now=now)


def _as_it_stands(alert: Alert) -> Judgement:
    standing = standing_of(alert)
    return Judgement(
        alert,
        condition=CONDITIONS.get(alert.rule.condition),
        before=standing,
        after=standing,
        found=Found(alert.value, alert.words),
        told=told_of(alert),
    )
