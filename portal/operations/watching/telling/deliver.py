"""Delivering what is queued, at least once each: claimed in the database, sent apart, and noted.

A claim moves the next attempt on, past the end of any sending. Who dies between sending and noting has therefore told
people twice in the end, and never not at all. Channels do not wait for one another: each has one message under way.
"""

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.operations.models import Delivery, Message
from portal.operations.watching.telling.failing import note_fails, note_works
from portal.operations.watching.telling.letters import letter_of
from portal.operations.watching.telling.sending import SECONDS_MAX, apart, failure_of, send

logger = logging.getLogger("portal.alerts")

CLAIMED_FOR = timedelta(minutes=2)
"""Longer than SECONDS_MAX."""
RETRY_SECONDS = (15, 30, 60, 120, 300, 900, 1800, 3600)
"""After the first failed attempt, the second, …; the last goes on."""
_NEXT_AT_MOST = timedelta(seconds=RETRY_SECONDS[-1]) + timedelta(minutes=5)
"""What is due later than that was put off by a clock that was set back since."""
TRIED_FOR = timedelta(days=1)
BEGINS_FOR_SECONDS = 30.0
"""A call begins nothing after that: who calls has other things to do, however much there is to tell."""
MESSAGES_MAX = 100_000
"""A rule that flaps writes as many in a week."""
FORGOTTEN_AT_ONCE = 2_000
_LOOK_SECONDS = 0.5

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """A delivery that was claimed, and is being sent."""

    delivery: Delivery
    outcome: "Future[None]"
    began: float = field(default_factory=time.monotonic)

    @property
    def is_over(self) -> bool:
        return self.outcome.done() or time.monotonic() - self.began > SECONDS_MAX


def deliver_due(*, clock: Clock = timezone.now, most: int = 500) -> int:
    """Deliver up to about so many messages that are due; return how many were taken. Returns once none is under way.

    That takes BEGINS_FOR_SECONDS and SECONDS_MAX at most. What becomes due meanwhile is sent as well; a channel that
    fails is left alone for the rest of the call. Call it outside of transactions: a claim must be seen by others
    before anything is sent.
    """
    under_way: list[_UnderWay] = []
    failed: set[int] = set()
    claimed = delivered = 0
    ends = time.monotonic() + BEGINS_FOR_SECONDS
    while True:
        if claimed < most and time.monotonic() < ends:
            begun = list(_begin(busy=failed | {each.delivery.channel_id for each in under_way}, clock=clock))
            claimed += len(begun)
            under_way += begun
        if not under_way:
            return delivered
        wait([each.outcome for each in under_way], timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for each in [each for each in under_way if each.is_over]:
            under_way.remove(each)
            if note(each.delivery, failure=failure_of(each.outcome), now=clock()):
                delivered += 1
            else:
                failed.add(each.delivery.channel_id)


def claim(delivery: Delivery, *, now: datetime) -> bool:
    """Claim a delivery for CLAIMED_FOR; return whether nobody else did."""
    with transaction.atomic(durable=True):
        as_seen = Delivery.objects.filter(
            pk=delivery.pk, state=Delivery.State.WAITING, attempts=delivery.attempts, not_before=delivery.not_before
        )
        claimed = as_seen.update(attempts=F("attempts") + 1, not_before=now + CLAIMED_FOR, failure="")
    delivery.attempts += claimed
    return bool(claimed)


def note(delivery: Delivery, *, failure: str, now: datetime) -> bool:
    """Note what became of a claimed delivery: taken (`failure` is ''), to be tried again, or given up.

    Return whether it was taken.
    """
    with transaction.atomic():
        if failure:
            _note_failed(delivery, failure=failure, now=now)
            note_fails(delivery.channel, failure=failure, now=now)
        else:
            note_delivered(delivery, now=now)
    return not failure


def note_delivered(delivery: Delivery, *, now: datetime) -> None:
    """Note that a delivery was taken, whoever holds it by now."""
    row = Delivery.objects.filter(pk=delivery.pk)
    row.update(state=Delivery.State.DELIVERED, delivered_at=now, failure="")
    note_works(delivery.channel, now=now)


def forget_old(*, before: datetime, most: int = MESSAGES_MAX) -> int:
    """Delete messages of before a moment, and those beyond `most`, that wait for nobody any more; return how many.

    No more than FORGOTTEN_AT_ONCE: others want to write as well.
    """
    waiting = Delivery.objects.filter(state=Delivery.State.WAITING).values("message")
    beyond = Message.objects.order_by("-pk").values_list("pk", flat=True)[most : most + 1]
    old = Message.objects.filter(Q(at__lt=before) | Q(pk__lte=next(iter(beyond), 0))).exclude(pk__in=waiting)
    gone = list(old.order_by("pk").values_list("pk", flat=True)[:FORGOTTEN_AT_ONCE])
    _, deleted = Message.objects.filter(pk__in=gone).delete()
    return deleted.get(Message._meta.label, 0)


def _begin(*, busy: set[int], clock: Clock) -> Iterator[_UnderWay]:
    """Claim the oldest due message of each channel that is not busy, and begin to send it."""
    due = _due(now=clock()).exclude(channel__in=busy)
    for channel in due.values_list("channel", flat=True).distinct():
        delivery = due.filter(channel=channel).select_related("message", "channel").order_by("pk").first()
        if delivery and claim(delivery, now=clock()):
            sending = partial(send, letter_of(delivery, now=clock()))
            yield _UnderWay(delivery, apart(sending, name=f"tells channel {channel}"))


def _due(*, now: datetime) -> QuerySet[Delivery]:
    is_due = Q(not_before__lte=now) | Q(not_before__gt=now + _NEXT_AT_MOST)
    return Delivery.objects.filter(is_due, state=Delivery.State.WAITING, channel__is_on=True)


def _note_failed(delivery: Delivery, *, failure: str, now: datetime) -> None:
    # Not where the claim ended and somebody else tries.
    own = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.WAITING, attempts=delivery.attempts)
    if now - delivery.message.at < TRIED_FOR:
        pause = RETRY_SECONDS[min(delivery.attempts, len(RETRY_SECONDS)) - 1]
        own.update(failure=failure, not_before=now + timedelta(seconds=pause))
    elif own.update(failure=failure, state=Delivery.State.GIVEN_UP):
        tried = f"“{delivery.message}” was given up for the channel “{delivery.channel}”"
        logger.error("%s after %s attempts. %s", tried, delivery.attempts, failure)
