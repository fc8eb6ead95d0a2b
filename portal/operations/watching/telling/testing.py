"""A test of one channel, now, with its outcome in words."""

import time
from concurrent.futures import wait
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from portal.operations.models import Channel, Delivery, Message, Severity
from portal.operations.watching.telling.deliver import note_delivered
from portal.operations.watching.telling.letters import letter_of
from portal.operations.watching.telling.queue import queue
from portal.operations.watching.telling.sending import apart, failure_of, send

SECONDS_MAX = 15.0
"""How long a page waits for it."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Whether the channel took the test, and what to tell who asked."""

    is_delivered: bool
    words: str


def send_test(channel: Channel, *, by: str, now: datetime) -> Outcome:
    """Send a test to a channel, on or off; return what became of it, within SECONDS_MAX. It is not tried again."""
    delivery = _test_for(channel, by=by, now=now)
    began = time.monotonic()
    outcome = apart(partial(send, letter_of(delivery, now=now)), name=f"tests channel {channel.pk}")
    wait([outcome], timeout=SECONDS_MAX)
    failure = failure_of(outcome) if outcome.done() else f"It did not come to an end within {SECONDS_MAX:.0f} s."
    if failure:
        _row(delivery.message).update(failure=failure)
        return Outcome(False, f"The test was not delivered to “{channel}”. {failure}")
    at = timezone.now()
    with transaction.atomic():
        note_delivered(delivery, now=at)
        Channel.objects.filter(pk=channel.pk).update(tested_at=at)
    took = f"{time.monotonic() - began:.1f} s"
    return Outcome(True, f"The test was delivered to “{channel}” in {took}. See that it arrived: that nobody here can.")


def _test_for(channel: Channel, *, by: str, now: datetime) -> Delivery:
    """Write the test as one that is over: nobody else is to send it, should this process die."""
    with transaction.atomic():
        message = queue(
            "Test: alerts reach you",
            body=f"{by} sent this test to the channel “{channel}”. There is nothing to do.",
            severity=Severity.INFO,
            kind=Message.Kind.TEST,
            now=now,
            channels=[channel],
        )
        _row(message).update(state=Delivery.State.GIVEN_UP, attempts=1, failure="What became of it is not known.")
    return _row(message).select_related("message", "channel").get()


def _row(message: Message) -> QuerySet[Delivery]:
    return Delivery.objects.filter(message=message)
