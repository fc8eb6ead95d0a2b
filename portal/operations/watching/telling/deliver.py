"""Delivering what is queued, at least once each: claimed in the database, sent apart, and noted.

A claim moves the next attempt on, past the end of any sending. Who dies between sending and noting has therefore told
people twice in the end, and never not at all. Channels do not wait for one another: each has one message under way.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from portal.operations.models import Delivery, Message
from portal.operations.watching.telling.failing import note_fails, note_works
from portal.operations.watching.telling.letters import Letter, letter_of, letter_of_many
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
TOGETHER_FROM = 20
"""So many messages that wait for a channel are told as one: a network that breaks takes many servers with it."""
TOGETHER_MOST = 100
MESSAGES_MAX = 100_000
"""A rule that flaps writes as many in a week."""
FORGOTTEN_AT_ONCE = 2_000
_LOOK_SECONDS = 0.5

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class _UnderWay:
    """What was claimed for a channel, and is being sent: one delivery, or many together."""

    deliveries: tuple[Delivery, ...]
    outcome: "Future[None]"
    began: float = field(default_factory=time.monotonic)

    @property
    def channel_id(self) -> int:
        """The channel that is told."""
        return self.deliveries[0].channel_id

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
            begun = list(_begin(busy=failed | {each.channel_id for each in under_way}, clock=clock))
            claimed += sum(len(each.deliveries) for each in begun)
            under_way += begun
        if not under_way:
            return delivered
        wait([each.outcome for each in under_way], timeout=_LOOK_SECONDS, return_when=FIRST_COMPLETED)
        for each in [each for each in under_way if each.is_over]:
            under_way.remove(each)
            if _note_all(each.deliveries, failure=failure_of(each.outcome), now=clock()):
                delivered += len(each.deliveries)
            else:
                failed.add(each.channel_id)


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
    _note_taken((delivery,), now=now)
    note_works(delivery.channel, now=now)


def _note_all(deliveries: Sequence[Delivery], *, failure: str, now: datetime) -> bool:
    """Note what became of what was sent together. The channel worked, or failed, once."""
    first, *others = deliveries
    with transaction.atomic():
        if failure:
            for each in others:
                _note_failed(each, failure=failure, now=now)
        else:
            _note_taken(others, now=now)
        return note(first, failure=failure, now=now)


def _note_taken(deliveries: Iterable[Delivery], *, now: datetime) -> None:
    rows = Delivery.objects.filter(pk__in=[each.pk for each in deliveries])
    rows.update(state=Delivery.State.DELIVERED, delivered_at=now, failure="")


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
    """Claim what is due first for each channel that is not busy, and begin to send it."""
    due = _due(now=clock()).exclude(channel__in=busy)
    for channel in due.values_list("channel", flat=True).distinct():
        waiting = due.filter(channel=channel).select_related("message", "channel").order_by("pk")[:TOGETHER_MOST]
        if claimed := tuple(each for each in _at_once(list(waiting)) if claim(each, now=clock())):
            sending = partial(send, _letter(claimed, now=clock()))
            yield _UnderWay(claimed, apart(sending, name=f"tells channel {channel}"))


def _at_once(waiting: Sequence[Delivery]) -> Sequence[Delivery]:
    """Return what is told at once: the oldest, or all where so many wait that nobody would read them one by one."""
    return waiting if len(waiting) >= TOGETHER_FROM else waiting[:1]


def _letter(deliveries: Sequence[Delivery], *, now: datetime) -> Letter:
    return letter_of_many(deliveries, now=now) if len(deliveries) > 1 else letter_of(deliveries[0], now=now)


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
