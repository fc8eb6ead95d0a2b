"""Watching until somebody ends it: looks in one thread, telling in another, so that no slow channel delays a look.

Whatever fails is logged, and tried again at the next turn: this process is to outlive what it watches.
"""

import logging
import threading
import time
from collections.abc import Callable

from django.db import connection

from portal.operations.watching import watch

logger = logging.getLogger("portal.watching")

TELL_SECONDS = 2.0
LOG_SECONDS = 60.0
STOP_SECONDS = 30.0


class Watcher:
    """Looks once in each slot, and tells within seconds, until `stop`."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._lives = threading.Event()
        self._logs_again_at: dict[str, float] = {}

    def run(self) -> None:
        """Watch; returns once it is stopped, and what was being told is told."""
        teller = threading.Thread(target=self._tell_on, name="tells", daemon=True)
        teller.start()
        while not self._stop.is_set():
            self._safely(self._look)
            self._stop.wait(_seconds_to_next(watch.EVERY.total_seconds(), now=time.time()))
        teller.join(timeout=STOP_SECONDS)

    def stop(self) -> None:
        """End it after what is being done."""
        self._stop.set()

    def _look(self) -> None:
        found = watch.watch()
        if found is not None and not found.failures:
            self._lives.set()
        watch.tidy()

    def _tell_on(self) -> None:
        while not self._stop.wait(TELL_SECONDS):
            # First: a channel that hangs is waited for.
            if self._lives.is_set():
                self._lives.clear()
                self._safely(watch.show_life)
            self._safely(watch.tell)
        connection.close()

    def _safely(self, work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:
            # Else the next turn would be tried on the same broken connection.
            connection.close()
            self._log(error)

    def _log(self, error: Exception) -> None:
        kind = type(error).__name__
        if time.monotonic() >= self._logs_again_at.get(kind, float("-inf")):
            self._logs_again_at[kind] = time.monotonic() + LOG_SECONDS
            logger.exception("A part of watching failed, and is tried again: %s.", kind, exc_info=error)


def _seconds_to_next(every: float, *, now: float) -> float:
    """Return how long it is until the next slot begins: at :00, :15, :30 and :45 for 15 s."""
    return every - now % every
