"""The policies in force in this process, and the look that keeps them no older than a quarter of a second."""

import logging
import threading
import time
from collections.abc import Callable

from limits import last_good, store
from limits.conf import conf
from limits.core import snapshots
from limits.core.policies import Policy
from limits.core.snapshots import EMPTY, Snapshot, SnapshotError
from limits.exceptions import StoreUnavailable

logger = logging.getLogger("limits")

ENDURED_SECONDS = 0.25
"""How long past the next look's moment a snapshot is still used by those who find another thread looking."""


class PoliciesInForce:
    """Holds one snapshot. Whoever asks for a policy when a look is due looks first; the others go on, not for long."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._looks_again_at = 0.0
        self._looking = threading.Lock()
        self._refused: store.Published | None = None
        self.snapshot: Snapshot = EMPTY

    def policy(self, slug: str) -> Policy | None:
        """Return the policy by that name as it is in force now; None when there is none."""
        if self._clock() >= self._looks_again_at:
            self._look()
        return self.snapshot.policies.get(slug)

    def take(self, snapshot: Snapshot) -> None:
        """Put a snapshot in force in this process."""
        self.snapshot = snapshot

    def take_published(self, found: store.Published) -> bool:
        """Put a document of Redis in force and keep a copy; False, and nothing changed, when it cannot be read."""
        try:
            snapshot = snapshots.read(found.version, document=found.document)
        except SnapshotError as error:
            self._refused = found
            logger.error("%s The policies in force stay as they were.", error)
            return False
        self.take(snapshot)
        last_good.save(snapshot)
        return True

    def look(self) -> None:
        """Look at Redis now. What cannot be reached, is gone or cannot be read leaves the snapshot as it is."""
        try:
            found = store.newer_than(self.snapshot.version)
        except StoreUnavailable:
            return
        if found is not None and found != self._refused:
            self.take_published(found)

    def _look(self) -> None:
        # After a pause the snapshot may be of long ago: then everybody waits for the look, a round trip or two.
        is_old = self._clock() >= self._looks_again_at + ENDURED_SECONDS
        if not self._looking.acquire(blocking=is_old):
            return
        try:
            if self._clock() >= self._looks_again_at:
                self.look()
                self._looks_again_at = self._clock() + conf.look_seconds
        finally:
            self._looking.release()


policies_in_force = PoliciesInForce()
