"""Stops asking a store that does not answer, so that a request waits for it once and not at every turn."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger("limits")

PROBE_SECONDS = 1.0
LOG_SECONDS = 60.0
KEPT_SECONDS = 5.0
"""How long after its last sign of life a keeper is believed to probe, so that requests need not."""
ERRORS_SECONDS = 5.0
"""How long after the last error that the store answered the limiter counts as degraded."""


class Breaker:
    """Open after a failure. Then the keeper probes; where there is none, one caller a second does.

    Threads may race on the plain attributes: the worst that comes of it is one probe more or one log line more.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._asks_again_at = 0.0
        self._logs_again_at = 0.0
        self._kept_until = float("-inf")
        self._ails_since = 0.0
        self._errors_end_at = float("-inf")
        self._uncounted_before = 0
        self.failure = ""
        """What the store last failed by, in one line."""
        self.is_open = False
        self.uncounted = 0
        """Requests that a policy let through without counting them, since this process began."""

    @property
    def degraded(self) -> bool:
        """Whether limits may not hold: the store does not answer, or answered by errors within the last seconds.

        An answer does not end that second state: a server that takes no writes answers every look at the policies.
        """
        return self.is_open or self._clock() < self._errors_end_at

    @property
    def degraded_seconds(self) -> float:
        """How long the limiter has been degraded; 0 when it is not."""
        return self._clock() - self._ails_since if self.degraded else 0.0

    def may_ask(self) -> bool:
        """Say whether to ask the store now. The caller that is sent to probe must report what came of it."""
        if not self.is_open:
            return True
        now = self._clock()
        if self.is_kept or now < self._asks_again_at:
            return False
        self._asks_again_at = now + PROBE_SECONDS
        return True

    @property
    def is_kept(self) -> bool:
        """Whether a keeper lives, which asks in place of requests."""
        return self._clock() < self._kept_until

    def kept(self) -> None:
        """Note that a keeper lives, which goes on asking: no request is sent to probe."""
        self._kept_until = self._clock() + KEPT_SECONDS

    def left_alone(self) -> None:
        """Note that the keeper has ended."""
        self._kept_until = float("-inf")

    def failed(self, failure: str) -> None:
        """Note that the store did not answer, and why."""
        self._begin(failure)
        self.is_open = True
        self._asks_again_at = self._clock() + PROBE_SECONDS

    def refused(self, failure: str) -> None:
        """Note that the store answered with an error: it is asked again all the same."""
        self._begin(failure)
        self._errors_end_at = self._clock() + ERRORS_SECONDS

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
                self.failure,
                self.uncounted - self._uncounted_before,
            )

    def _begin(self, failure: str) -> None:
        if not self.degraded:
            self._ails_since = self._clock()
        self.failure = failure
