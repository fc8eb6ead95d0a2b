"""The keeper: a thread of each process that serves, which does in the background what no request should wait for.

It looks at what changed, a little before a request would have to; while Redis is away it is the one that asks whether
it is back; about once a second it writes the tallies and tells the metrics.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable

from limits import metrics
from limits.conf import conf
from limits.in_force import policies_in_force
from limits.refusals import refusals
from limits.store.connection import breaker
from limits.tallies import tallies

logger = logging.getLogger("limits")

LOOK_EARLIER = 0.8
"""The share of the time between two looks after which the keeper looks: requests look when all of it is over."""
PROBE_SECONDS = 1.0
FLUSH_SECONDS = 1.0
LOG_SECONDS = 60.0
STOP_SECONDS = 2.0


class Keeper:
    """At most one thread a process. A process that is forked off has none until it starts its own."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._starting = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._looks_at = 0.0
        self._flushes_at = 0.0
        self._logs_again_at = float("-inf")

    @property
    def lives(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Start the thread, unless it runs."""
        with self._starting:
            if self.lives:
                return
            self._stop.clear()
            breaker.kept()
            self._thread = threading.Thread(target=self._run, name="limits-keeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread if there is one, and write what was not written yet."""
        with self._starting:
            if self._thread is None:
                self._safely(tallies.flush)
                return
            self._stop.set()
            self._thread.join(timeout=STOP_SECONDS)
            self._thread = None
            breaker.left_alone()
            self._safely(self._flush)

    def turn(self) -> float:
        """Do what is due, and return the seconds until something is due again. Raises nothing."""
        breaker.kept()
        if self._clock() >= self._looks_at:
            self._safely(policies_in_force.look)
            self._looks_at = self._clock() + _seconds_between_looks()
        if self._clock() >= self._flushes_at:
            self._safely(self._flush)
            self._flushes_at = self._clock() + FLUSH_SECONDS
        return max(0.0, min(self._looks_at, self._flushes_at) - self._clock())

    def begin_anew(self) -> None:
        """Have no thread, as in a process that was forked off: threads do not come along."""
        self.__init__(clock=self._clock)  # type: ignore[misc]
        breaker.left_alone()

    def _run(self) -> None:
        while not self._stop.wait(self.turn()):
            pass

    def _flush(self) -> None:
        noted = tallies.take()
        try:
            metrics.add(noted)
            metrics.tell(_state())
        finally:
            tallies.write(noted)

    def _safely(self, job: Callable[[], object]) -> None:
        # Without the thread a process would hear of no change and count nowhere: whatever fails, it goes on.
        try:
            job()
        except Exception:
            if self._clock() >= self._logs_again_at:
                self._logs_again_at = self._clock() + LOG_SECONDS
                logger.exception("The keeper of limits could not do a part of its work, and goes on.")


def start() -> None:
    """Start the keeper of this process, unless it runs. A process that was forked off calls it itself."""
    keeper.start()


def _seconds_between_looks() -> float:
    return PROBE_SECONDS if breaker.is_open else conf.look_seconds * LOOK_EARLIER


def _state() -> metrics.State:
    snapshot = policies_in_force.snapshot
    revision = snapshot.version.partition("-")[0]
    return metrics.State(
        degraded=breaker.degraded,
        uncounted=breaker.uncounted,
        remembered_refusals=len(refusals),
        policies=len(snapshot.policies),
        policies_revision=int(revision) if revision.isdecimal() else 0,
    )


keeper = Keeper()
os.register_at_fork(after_in_child=keeper.begin_anew)
atexit.register(keeper.stop)
