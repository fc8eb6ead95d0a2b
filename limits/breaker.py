"""Stops asking a store that does not answer, so that a request waits for it once and not at every turn."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("limits")

PROBE_SECONDS = 1.0
LOG_SECONDS = 60.0


class Breaker:
    """Open after a failure: for one second nothing is asked, then one caller probes.

    Threads may race on the plain attributes: the worst that comes of it is one probe more or one log line more.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asks_again_at = 0.0
        self._logs_again_at = 0.0
        self._failure = ""
        self._uncounted_before = 0
        self.is_open = False
        self.uncounted = 0
        """Decisions that were let through without being counted, since this process began."""

    def may_ask(self) -> bool:
        """Say whether to ask the store now. The caller that is sent to probe must report what came of it."""
        if not self.is_open:
            return True
        now = self._clock()
        if now < self._asks_again_at:
            return False
        self._asks_again_at = now + PROBE_SECONDS
        return True

    def failed(self, failure: str) -> None:
        """Note that the store did not answer, and why."""
        self.is_open = True
        self._failure = failure
        self._asks_again_at = self._clock() + PROBE_SECONDS

    def refused(self, failure: str) -> None:
        """Note that the store answered with an error: it is asked again all the same."""
        self._failure = failure

    def succeeded(self) -> None:
        """Note that the store answered."""
        if not self.is_open:
            return
        self.is_open = False
        self._logs_again_at = 0.0
        if missed := self.uncounted - self._uncounted_before:
            logger.warning("Redis answers again: limits hold. %d decisions were not counted.", missed)
        self._uncounted_before = self.uncounted

    def let_through(self) -> None:
        """Count a decision that could not be counted in the store; tell of it once a minute."""
        self.uncounted += 1
        now = self._clock()
        if now >= self._logs_again_at:
            self._logs_again_at = now + LOG_SECONDS
            logger.error(
                "Limits do not hold, for Redis cannot be used: %s. %d decisions were let through uncounted so far.",
                self._failure,
                self.uncounted - self._uncounted_before,
            )
