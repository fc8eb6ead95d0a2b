"""How far a run is, written into its row for people to see; that is its sign of life, too."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from django.db import Error, connection
from django.utils import timezone

from portal.operations.models import JobRun

WRITE_EVERY = timedelta(seconds=1)
_WORDS_CHARACTERS_MAX = 200

logger = logging.getLogger("portal.runs")


class GivenUp(Exception):
    """Somebody took this run for dead, and its hold is another's by now: the work must stop."""


class Progress:
    """Given to the work, which calls it as it goes, from its own thread and outside of transactions.

    Work that cannot tell how far it is calls it all the same, well within `STALE`: who is silent is taken for dead.
    """

    def __init__(self, run: JobRun, *, clock: Callable[[], datetime] = timezone.now) -> None:
        self._run = run
        self._clock = clock
        self._written_at: datetime | None = None

    def __call__(self, done: int | None = None, total: int | None = None, words: str = "") -> None:
        """Note how far it is; '' leaves the words as they are. Written at most once a second. Raises GivenUp."""
        run = self._run
        run.done, run.total = done, total
        run.progress = words[:_WORDS_CHARACTERS_MAX] or run.progress
        now = self._clock()
        if self._written_at is None or now - self._written_at >= WRITE_EVERY:
            self._written_at = now
            self._write(now)

    def _write(self, now: datetime) -> None:
        run = self._run
        ours = JobRun.objects.filter(pk=run.pk, state=JobRun.State.RUNNING, attempt=run.attempt)
        try:
            is_ours = ours.update(done=run.done, total=run.total, progress=run.progress, alive_at=now)
        except Error:
            # A database that is away costs the sign, not the work.
            logger.warning("How far “%s” is was not written: the database is away.", run)
            if not connection.in_atomic_block:
                connection.close()
            return
        if not is_ours:
            raise GivenUp(f"“{run}” was silent for so long that it was taken for dead, and ends here.")
        run.alive_at = now
