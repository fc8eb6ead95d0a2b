"""The policies in force in this process, and the look that keeps them no older than a quarter of a second."""

import logging
import os
import threading
import time
from collections.abc import Callable

from limits import last_good
from limits.conf import conf
from limits.core import snapshots
from limits.core.policies import Policy
from limits.core.snapshots import EMPTY, Snapshot, SnapshotError
from limits.exceptions import StoreUnavailable
from limits.overrides_in_force import overrides_in_force
from limits.refusals import refusals
from limits.routes import Routes
from limits.store import documents
from limits.store.connection import breaker
from limits.store.documents import Published, Versions

logger = logging.getLogger("limits")

ENDURED_SECONDS = 0.25
"""How long past the next look's moment a snapshot is still used by those who find another thread looking."""


class PoliciesInForce:
    """Holds one snapshot. The keeper looks at what changed; where there is none, whoever asks when a look is due."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks_again_at = 0.0
        self._looking = threading.Lock()
        self._refused: Published | None = None
        self._epoch = ""
        self.snapshot: Snapshot = EMPTY
        self.routes = Routes(())

    def policy(self, slug: str) -> Policy | None:
        """Return the policy by that name as it is in force now; None when there is none."""
        if self._clock() >= self._looks_again_at:
            self._look_when_due()
        return self.snapshot.policies.get(slug)

    def routed(self) -> Routes:
        """Return the policies in force now that name a view or a path."""
        if self._clock() >= self._looks_again_at:
            self._look_when_due()
        return self.routes

    def take(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force in this process."""
        self.routes = Routes(tuple(snapshot.policies.values()), known=self.routes)
        self.snapshot = snapshot
        refusals.forget_all()

    def take_published(self, found: Published) -> bool:
        """Put a document of Redis in force and keep a copy; False, and nothing changed, when it cannot be read."""
        try:
            snapshot = snapshots.read(found.version, document=found.document, known=self.snapshot)
        except SnapshotError as error:
            self._refused = found
            logger.error("%s The policies in force stay as they were.", error)
            return False
        self.take(snapshot)
        last_good.save(snapshot)
        return True

    def look(self, *, versions: Callable[[], Versions] = documents.look) -> None:
        """Look at Redis now. What cannot be reached, is gone or cannot be read leaves what is in force as it is."""
        try:
            self._take_changes(versions())
        except StoreUnavailable:
            pass
        finally:
            self._looks_again_at = self._clock() + conf.look_seconds

    def begin_anew(self) -> None:
        """Hold no lock, as in a process that was forked off: a thread that held it did not come along."""
        self._looking = threading.Lock()

    def _take_changes(self, seen: Versions) -> None:
        if seen.epoch != self._epoch:
            self._epoch = seen.epoch
            refusals.forget_all()
        if seen.policies not in ("", self.snapshot.version):
            found = documents.published()
            if found.version and found != self._refused:
                self.take_published(found)
        overrides_in_force.take_changes(seen.overrides)

    def _look_when_due(self) -> None:
        if breaker.is_kept:
            # The keeper looks, however long that takes: on a slow line it would be a second wait for a request.
            return
        # After a pause the snapshot may be of long ago: then everybody waits for the look, a round trip or two.
        is_old = self._clock() >= self._looks_again_at + ENDURED_SECONDS
        if not self._looking.acquire(blocking=is_old):
            return
        try:
            if self._clock() >= self._looks_again_at:
                self.look(versions=documents.look_in_request)
        finally:
            self._looking.release()


policies_in_force = PoliciesInForce()
os.register_at_fork(after_in_child=policies_in_force.begin_anew)
