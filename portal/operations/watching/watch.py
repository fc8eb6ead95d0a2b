"""One pass: look at every server, keep what was found, judge the alert rules. Telling is apart, for channels are slow.

A pass needs the database and the servers that it looks at; neither broker nor Celery.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import Error as DatabaseError
from django.utils import timezone

from portal.operations.watching import turns
from portal.operations.watching.alerts import judging
from portal.operations.watching.reading.looking import look
from portal.operations.watching.readings import Look
from portal.operations.watching.samples import keeping, thinning
from portal.operations.watching.telling import deadman, deliver, first_channels

logger = logging.getLogger("portal.watching")

EVERY = timedelta(seconds=15)
TIDY_EVERY = timedelta(minutes=5)
TURNS_KEPT = timedelta(hours=1)
EVENTS_KEPT = timedelta(days=366)
MESSAGES_KEPT = timedelta(days=90)

Clock = Callable[[], datetime]


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass found, and what of it could not be done, in words."""

    look: Look
    failures: tuple[str, ...] = ()


def watch(*, clock: Clock = timezone.now) -> Pass | None:
    """Do one pass; return what it found, or None where another process has the turn. Raises the database's errors."""
    now = clock()
    if not turns.take(turns.WATCH, now=now, every=EVERY):
        return None
    first_channels.make_first_channels()
    found = look(now, known=keeping.last_looks())
    failures = tuple(
        words
        for words in (
            # First: who dies before it has kept the look compares with the same reading again, and misses nothing.
            _done("Alert rules were not judged", lambda: judging.judge(found, now=clock())),
            _done("Samples were not kept", lambda: keeping.keep(found)),
        )
        if words
    )
    return Pass(found, failures)


def tell(*, clock: Clock = timezone.now) -> int:
    """Deliver the messages that are due; return how many were delivered."""
    return deliver.deliver_due(clock=clock)


def show_life(*, clock: Clock = timezone.now) -> None:
    """Ping DEADMAN_URL, once a minute: to be called after a pass of which nothing failed."""
    deadman.ping(now=clock())


def tidy(*, clock: Clock = timezone.now) -> None:
    """Thin out samples, and forget what is old; once in five minutes, whoever comes first."""
    now = clock()
    if not turns.take(turns.TIDY, now=now, every=TIDY_EVERY):
        return
    thinning.thin_out(now)
    judging.forget(before=now - EVENTS_KEPT)
    deliver.forget_old(before=now - MESSAGES_KEPT)
    turns.forget(before=now - TURNS_KEPT)


def _done(complaint: str, work: Callable[[], object]) -> str:
    """Do a part of the pass; return '' or why it failed. One that nobody foresaw must not keep the others undone."""
    try:
        work()
    except DatabaseError:
        raise
    except Exception as error:
        logger.exception("%s.", complaint)
        return f"{complaint}: {type(error).__name__}."
    return ""
