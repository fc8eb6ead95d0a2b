"""Channels that fail: noted, told once to the others, and once that they work again."""

from datetime import datetime

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.watching.telling.queue import queue, told_of

TOLD_AFTER = 2
"""So many attempts in a row."""


@transaction.atomic
def note_works(channel: Channel, *, now: datetime) -> None:
    """Note that a channel took a message. What waited for it to work again is due at once."""
    row = Channel.objects.filter(pk=channel.pk)
    row.update(delivered_at=now)
    failed = row.exclude(failing_since=None).first()
    if failed is None:
        return
    as_seen = row.filter(failing_since=failed.failing_since, failing_told_at=failed.failing_told_at)
    if as_seen.update(failing_since=None, failures_in_a_row=0, failing_told_at=None, failure=""):
        hasten(channel, now=now)
        if failed.failing_told_at:
            _tell_that_it_works(failed, now=now)


@transaction.atomic
def note_fails(channel: Channel, *, failure: str, now: datetime) -> None:
    """Note that a channel did not take a message, and why; from the second in a row on the others are told, once."""
    row = Channel.objects.filter(pk=channel.pk)
    row.update(failure=failure, failures_in_a_row=F("failures_in_a_row") + 1)
    row.filter(failing_since=None).update(failing_since=now)
    if row.filter(failing_told_at=None, failures_in_a_row__gte=TOLD_AFTER).update(failing_told_at=now):
        _tell_that_it_fails(row.get(), now=now)


def hasten(channel: Channel, *, now: datetime) -> None:
    """Make due at once what waits for its next attempt; not what is being sent."""
    waiting = Delivery.objects.filter(channel=channel, state=Delivery.State.WAITING, not_before__gt=now)
    waiting.exclude(failure="").update(not_before=now)


def _tell_that_it_fails(channel: Channel, *, now: datetime) -> None:
    since = timezone.localtime(channel.failing_since)
    body = (
        f"Since {since:%Y-%m-%d %H:%M:%S %Z} the channel “{channel}” takes no messages. {channel.failure}\n\n"
        "They wait for it, and are tried again for a day. You are told when it works again."
    )
    _tell_others(f"Channel fails: {channel}", body=body, channel=channel, now=now)


def _tell_that_it_works(channel: Channel, *, now: datetime) -> None:
    since = timezone.localtime(channel.failing_since)
    body = f"The channel “{channel}” failed from {since:%Y-%m-%d %H:%M:%S %Z} on. What waited for it is told now."
    _tell_others(f"Channel works again: {channel}", body=body, channel=channel, now=now)


def _tell_others(subject: str, *, body: str, channel: Channel, now: datetime) -> None:
    """Tell those that work: of five channels behind one mail server that is down, each would hear of the four."""
    others = [each for each in told_of(Severity.WARNING) if each.pk != channel.pk and each.failing_since is None]
    queue(subject, body=body, severity=Severity.WARNING, kind=Message.Kind.CHANNEL, now=now, channels=others)
