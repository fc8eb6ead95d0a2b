"""Why people are not told of alerts at a moment, asked of the rules by which they are told."""

from collections.abc import Iterable
from datetime import datetime

from portal.operations.models import Alert, RedisServer
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Found
from portal.operations.watching.alerts.conditions.reach import DOWN
from portal.operations.watching.alerts.judgements import Judgement, standing_of, told_of
from portal.operations.watching.alerts.mutes import Mutes, silences_at


def whys_unheard(alerts: Iterable[Alert], *, now: datetime) -> dict[int, str]:
    """Return of each alert, by its key, why nobody is told of it: a sentence, or '' where people are told."""
    mutes = _mutes(now=now)
    return {alert.pk: mutes.why(_as_it_stands(alert)) for alert in alerts}


def _mutes(*, now: datetime) -> Mutes:
    under_way = list(Alert.objects.filter(is_active=True, rule__is_on=True).select_related("rule"))
    down = frozenset(alert.target for alert in under_way if alert.rule.condition == DOWN)
    return Mutes(
        now=now,
        silences=tuple(silences_at(now)),
        down=down,
        are_counters_down=RedisServer.objects.filter(place__in=down, holds_counters=True).exists(),
        under_way=tuple(map(_as_it_stands, under_way)),
    )


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
