"""Writing what a pass made of one alert: its row, its history and the message that is due, or none of them.

Of two processes that judge at once one writes: the row is changed only if it is still as it was read.
"""

from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from django.db import transaction

from portal.operations.models import Alert, AlertEvent
from portal.operations.printable import printable
from portal.operations.watching.alerts.judgements import Judgement
from portal.operations.watching.alerts.messages import words_of
from portal.operations.watching.alerts.mutes import Mutes
from portal.operations.watching.alerts.states import Standing
from portal.operations.watching.alerts.telling_rules import NOTHING, Due, Manner, Told, due, is_over
from portal.operations.watching.telling.queue import queue

_WORDS_MAX = 500


class Written(Enum):
    """What came of writing one alert."""

    NOTHING_TO_WRITE = "nothing to write"
    LOST = "another process wrote"
    FAILED = "could not be written"
    WRITTEN = "written"
    TOLD = "written, and a message queued"


def write(judgement: Judgement, *, mutes: Mutes, now: datetime) -> Written:
    """Write what became of an alert, in one transaction."""
    message = due(judgement.after, told=judgement.told, manner=manner_of(judgement, mutes=mutes), now=now)
    told = told_after(judgement.told, due=message, now=now)
    changes = _changes(judgement, told=told)
    is_done = judgement.is_closed and is_over(judgement.after, told=told)
    if not (changes or message or is_done):
        return Written.NOTHING_TO_WRITE
    with transaction.atomic():
        if not _take(judgement.alert, changes=changes | seen_values(judgement), now=now):
            return Written.LOST
        if judgement.has_moved:
            note_state(judgement, now=now)
        if message:
            queue_message(judgement, due=message, now=now)
        if is_done:
            Alert.objects.filter(pk=judgement.alert.pk).delete()
    return Written.TOLD if message else Written.WRITTEN


def manner_of(judgement: Judgement, *, mutes: Mutes) -> Manner:
    """Return how people want to be told of an alert now."""
    rule = judgement.rule
    return Manner(
        is_muted=bool(mutes.why(judgement)),
        is_acknowledged=judgement.alert.is_acknowledged,
        repeat_after=timedelta(minutes=rule.repeat_minutes) if rule.repeat_minutes else None,
    )


def told_after(told: Told, *, due: Due | None, now: datetime) -> Told:
    """Return when people were told, a message later."""
    if due is None:
        return told
    return NOTHING if due is Due.END else Told(told.first_at or now, last_at=now)


def seen_values(judgement: Judgement) -> dict[str, Any]:
    """Return the columns that show what was found."""
    return {"value": judgement.found.value, "words": printable(judgement.found.words)[:_WORDS_MAX]}


def note_state(judgement: Judgement, *, now: datetime) -> None:
    """Write down in the history that an alert entered its state."""
    AlertEvent.objects.create(
        at=now,
        rule_name=judgement.rule.name,
        target=judgement.alert.target,
        severity=judgement.rule.severity,
        what=judgement.after.state.value,
        **seen_values(judgement),
    )


def queue_message(judgement: Judgement, *, due: Due, now: datetime) -> None:
    """Queue a message about an alert, in the caller's transaction."""
    words = words_of(judgement, due=due, now=now)
    queue(words.subject, body=words.body, severity=words.severity, kind=words.kind, now=now)


def _changes(judgement: Judgement, *, told: Told) -> dict[str, Any]:
    """Return the columns that are other than they were."""
    alert, after = judgement.alert, judgement.after
    over = is_over(after, told=told)
    columns = _columns(after, over=over) | {"told_at": told.first_at, "told_last_at": told.last_at}
    if over or after.is_active is not judgement.before.is_active:
        columns |= {"acknowledged_by": "", "acknowledged_at": None, "acknowledged_severity": None}
    return {name: value for name, value in columns.items() if getattr(alert, name) != value}


def _columns(after: Standing, *, over: bool) -> dict[str, Any]:
    return {
        "state": after.state.value,
        "since": after.since,
        "is_active": after.is_active,
        "began_at": None if over else after.began_at,
    }


def _take(alert: Alert, *, changes: dict[str, Any], now: datetime) -> bool:
    row = Alert.objects.filter(pk=alert.pk, turn=alert.turn)
    return bool(row.update(**changes, judged_at=now, turn=alert.turn + 1))
