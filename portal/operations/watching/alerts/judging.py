"""Judging every rule by one look, and forgetting what is old."""

import logging
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import OperationalError
from django.db.models import Q

from portal.operations.models import Alert, AlertEvent, AlertRule, Silence
from portal.operations.watching.alerts.conditions import CONDITIONS
from portal.operations.watching.alerts.conditions.condition import Condition, Facts
from portal.operations.watching.alerts.findings import Answer, ask
from portal.operations.watching.alerts.judgements import Judgement, judge_all, wanted
from portal.operations.watching.alerts.mutes import Mutes, mutes_of
from portal.operations.watching.alerts.writing import Written, seen_values, write
from portal.operations.watching.readings import Look

logger = logging.getLogger("portal.watching")

EVENTS_MAX = 500_000
"""Five of each alert a day, for a year, where hundreds of servers are watched. A rule that flaps writes more."""
FORGOTTEN_AT_ONCE = 20_000
_TARGET_MAX = Alert._meta.get_field("target").max_length or 0


class NotWritten(Exception):
    """Some alerts could not be written; they are judged anew in the next pass."""


@dataclass(frozen=True, slots=True)
class Judged:
    """What came of one pass."""

    alerts: int
    """How many were judged."""
    told: int
    """How many messages were queued."""
    lost: int
    """How many another process had written meanwhile."""


def judge(look: Look, *, now: datetime, conditions: Mapping[str, Condition] = CONDITIONS) -> Judged:
    """Judge every rule that is on at everything that it is about; write what changed, and queue what is to be told.

    Each alert is written in a transaction of its own. What is said of a server waits for what is known of all of
    them: one that is down keeps the rest of it quiet. Raises NotWritten when all others are done.
    """
    look = _cut(look)
    rules = list(AlertRule.objects.filter(is_on=True))
    answers = ask((rule.condition for rule in rules), facts=Facts(look, now), conditions=conditions)
    alerts = _alerts(rules, answers=answers, look=look, now=now)
    judgements = judge_all(rules, alerts=alerts, answers=answers, look=look, now=now)
    mutes = mutes_of(judgements, look=look, now=now)
    written = [_write(judgement, mutes=mutes, now=now) for judgement in judgements]
    _note_values(judgements, written=written, now=now)
    counts = Counter(written)
    if failed := counts[Written.FAILED]:
        raise NotWritten(f"{failed} of {len(written)} alerts could not be written; the log has more.")
    return Judged(len(judgements), told=counts[Written.TOLD], lost=counts[Written.LOST])


def forget(*, before: datetime, events_max: int = EVENTS_MAX) -> None:
    """Delete the history before a moment, or beyond so many events, and the silences that ended before it.

    No more than FORGOTTEN_AT_ONCE: others want to write as well.
    """
    beyond = AlertEvent.objects.order_by("-pk").values_list("pk", flat=True)[events_max : events_max + 1]
    old = AlertEvent.objects.filter(Q(at__lt=before) | Q(pk__lte=next(iter(beyond), 0)))
    gone = list(old.order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    AlertEvent.objects.filter(pk__in=gone).delete()
    Silence.objects.filter(until__lt=before).delete()


def _write(judgement: Judgement, *, mutes: Mutes, now: datetime) -> Written:
    """Write one alert. One that cannot be written keeps none of the others from it; a database that is away does."""
    try:
        return write(judgement, mutes=mutes, now=now)
    except OperationalError:
        raise
    except Exception:
        logger.exception("The alert “%s” could not be written.", judgement.alert)
        return Written.FAILED


def _cut(look: Look) -> Look:
    """Return a look whose places fit into the row of an alert: a large set's names all its hosts."""
    return replace(look, servers=tuple(replace(server, place=server.place[:_TARGET_MAX]) for server in look.servers))


def _alerts(rules: Sequence[AlertRule], *, answers: Mapping[str, Answer], look: Look, now: datetime) -> list[Alert]:
    """Return every alert, those of rules that are off and targets that are gone among them, new ones made."""
    alerts = list(_rows())
    known = {(alert.rule_id, alert.target) for alert in alerts}
    new = [
        Alert(rule=rule, target=target, since=now, judged_at=now)
        for rule, target in wanted(rules, answers=answers, look=look)
        if (rule.pk, target) not in known
    ]
    if not new:
        return alerts
    Alert.objects.bulk_create(new, ignore_conflicts=True)
    return list(_rows())


def _rows() -> Iterable[Alert]:
    return Alert.objects.select_related("rule").order_by("pk")


def _note_values(judgements: Sequence[Judgement], *, written: Sequence[Written], now: datetime) -> None:
    """Note what was found where nothing else changed, and that all were judged."""
    unchanged = [
        judgement for judgement, outcome in zip(judgements, written, strict=True) if outcome is Written.NOTHING_TO_WRITE
    ]
    other = [judgement for judgement in unchanged if _shows_other(judgement)]
    for judgement in other:
        for name, value in seen_values(judgement).items():
            setattr(judgement.alert, name, value)
    Alert.objects.bulk_update([judgement.alert for judgement in other], ["value", "words"])
    Alert.objects.filter(pk__in=[judgement.alert.pk for judgement in unchanged]).update(judged_at=now)


def _shows_other(judgement: Judgement) -> bool:
    return any(getattr(judgement.alert, name) != value for name, value in seen_values(judgement).items())
