"""Rules, alerts and their events for tests of the pages."""

from datetime import timedelta
from typing import Any

from django.utils import timezone

from portal.operations.models import Alert, AlertEvent, AlertRule, RedisServer, Severity

ALERTS = "/admin/operations/alert/"
RULES = "/admin/operations/alertrule/"
HISTORY = "/admin/operations/alertevent/"
PLACE = "127.0.0.1:7000"


def rule(name: str = "Memory nearly full", **columns: Any) -> AlertRule:
    """A rule about memory that fires above 90 % and is over at 85 %."""
    usual = {"condition": "memory_share", "threshold": 90, "recover_at": 85, "severity": Severity.CRITICAL}
    AlertRule.objects.filter(name=name).delete()
    return AlertRule.objects.create(name=name, **usual | columns)


def firing(of: AlertRule, *, target: str = PLACE, **columns: Any) -> Alert:
    """An alert that has been under way for ten minutes."""
    began_at = timezone.now() - timedelta(minutes=10)
    usual = {
        "state": Alert.State.FIRING,
        "since": began_at,
        "began_at": began_at,
        "told_at": began_at,
        "told_last_at": began_at,
        "is_active": True,
        "value": 93.24,
        "words": "466.2 MB are used.",
        "judged_at": timezone.now(),
    }
    return Alert.objects.create(rule=of, target=target, **usual | columns)


def calm(of: AlertRule, *, state: str = Alert.State.NORMAL, target: str = PLACE, **columns: Any) -> Alert:
    """An alert that is not under way."""
    now = timezone.now()
    return Alert.objects.create(rule=of, target=target, state=state, since=now, judged_at=now, **columns)


def event(of: AlertRule, what: str, *, minutes_ago: float, target: str = PLACE, **columns: Any) -> AlertEvent:
    """Something that became of an alert."""
    at = timezone.now() - timedelta(minutes=minutes_ago)
    return AlertEvent.objects.create(
        at=at, rule_name=of.name, target=target, severity=of.severity, what=what, **columns
    )


def server(place: str = PLACE, *, looked_seconds_ago: float = 5) -> RedisServer:
    """A server that was looked at."""
    now = timezone.now()
    return RedisServer.objects.create(
        place=place, source="redis", first_seen_at=now, looked_at=now - timedelta(seconds=looked_seconds_ago)
    )
