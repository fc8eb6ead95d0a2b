"""Turns: of all processes that do the same periodic work, one does it in each slot of time."""

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

from portal.operations.models import Turn

WATCH, TIDY = "watch", "tidy"
ALIVE_FOR = timedelta(seconds=60)
AHEAD_MOST = timedelta(minutes=2)
"""How much sooner the clock of another host may be. Turns taken later than that are of a clock that was set back."""


def slot_of(now: datetime, *, every: timedelta) -> datetime:
    """Return when the slot began in which a moment lies; slots are counted from 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (now - epoch) // every * every


def take(job: str, *, now: datetime, every: timedelta) -> bool:
    """Take the turn of this slot; return whether it was free.

    Who took it and died has left it undone: the next slot comes soon enough. Turns of a clock that was set back are
    forgotten: else nobody would work until it is as late again.
    """
    _forget_ahead(job, now=now, every=every)
    try:
        with transaction.atomic():
            Turn.objects.create(job=job, slot=slot_of(now, every=every))
    except IntegrityError:
        return False
    return True


def _forget_ahead(job: str, *, now: datetime, every: timedelta) -> None:
    if Turn.objects.filter(job=job, slot__gt=now + max(AHEAD_MOST, every)).exists():
        Turn.objects.filter(job=job, slot__gt=now - every).delete()


def watch_lives(*, now: datetime) -> bool:
    """Say whether somebody looked at Redis within a minute."""
    return Turn.objects.filter(job=WATCH, slot__gt=now - ALIVE_FOR, slot__lte=now + AHEAD_MOST).exists()


def forget(*, before: datetime) -> None:
    """Delete turns that were taken before a moment."""
    Turn.objects.filter(slot__lt=before).delete()
