"""Turns: of all processes that do the same periodic work, one does it in each slot of time."""

from datetime import UTC, datetime, timedelta

from django.db import IntegrityError, transaction

from portal.operations.models import Turn

WATCH, TIDY = "watch", "tidy"
ALIVE_FOR = timedelta(seconds=60)
AHEAD_MOST = timedelta(seconds=60)
"""How far the clocks of two hosts may differ: where they do by more, both do the work."""


def slot_of(now: datetime, *, every: timedelta) -> datetime:
    """Return when the slot began in which a moment lies; slots are counted from 1970."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (now - epoch) // every * every


def take(job: str, *, now: datetime, every: timedelta) -> bool:
    """Take the turn of this slot; return whether it was free.

    Who took it and died has left it undone: the next slot comes soon enough. Turns of the future were taken before
    the clock was set back: they hold nobody up.
    """
    Turn.objects.filter(job=job, slot__gt=now + AHEAD_MOST).delete()
    try:
        with transaction.atomic():
            Turn.objects.create(job=job, slot=slot_of(now, every=every))
    except IntegrityError:
        return False
    return True


def watch_lives(*, now: datetime) -> bool:
    """Say whether somebody looked at Redis within a minute."""
    return Turn.objects.filter(job=WATCH, slot__gt=now - ALIVE_FOR, slot__lte=now + AHEAD_MOST).exists()


def forget(*, before: datetime) -> None:
    """Delete turns that were taken before a moment."""
    Turn.objects.filter(slot__lt=before).delete()
