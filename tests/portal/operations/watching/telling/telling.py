"""What tests of telling share: messages to tell, a clock, and how it stands."""

from datetime import UTC, datetime, timedelta

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.watching.telling.deliver import deliver_due
from portal.operations.watching.telling.queue import queue

NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def say(
    subject: str = "Memory is full",
    *,
    body: str = "9 of 10 MB.",
    severity: Severity = Severity.WARNING,
    now: datetime = NOW,
) -> Message:
    return queue(subject, body=body, severity=severity, kind=Message.Kind.START, now=now)


def deliver(after_seconds: float = 0) -> int:
    """Deliver what is due so long after NOW."""
    return deliver_due(clock=lambda: NOW + timedelta(seconds=after_seconds))


def states(channel: Channel) -> list[str]:
    return list(Delivery.objects.filter(channel=channel).order_by("pk").values_list("state", flat=True))
