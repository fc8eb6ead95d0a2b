"""From the database, which is the truth, to Redis.

A document is written only where the version stands that was seen before the database was read. So of two writers at
once the later one reads again, and an older state can never replace a newer one.
"""

import logging
import os
import threading
import time
from dataclasses import dataclass

from django.db import Error as DatabaseError
from django.db import connection

from limits import sync_overrides
from limits.core import snapshots
from limits.core.snapshots import Difference, Snapshot, SnapshotError
from limits.exceptions import StoreUnavailable
from limits.models import Policy, Revision
from limits.store import documents
from limits.store.documents import Published

logger = logging.getLogger("limits")

ATTEMPTS_MAX = 10
RETRY_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Comparison:
    """What would have to be written to Redis; `version` is the database's."""

    version: str
    in_step: bool
    difference: Difference


def from_database() -> Snapshot:
    """Return the policies as the database has them."""
    latest = Revision.objects.filter(subject_type="policy").order_by("-pk").values_list("pk", flat=True).first() or 0
    return snapshots.take([row.as_value() for row in Policy.objects.all()], revision=latest)


def compare(*, thorough: bool = False) -> Comparison:
    """Compare database and Redis; overrides by their versions alone, unless `thorough`. Raises StoreUnavailable."""
    found = documents.published()
    source = from_database()
    are_equal = (found.version, found.document) == (source.version, source.document)
    return Comparison(
        version=source.version,
        in_step=are_equal and sync_overrides.are_in_step(thorough=thorough),
        difference=snapshots.difference(source, target=_read(found)),
    )


def reconcile(*, thorough: bool = False) -> bool:
    """Make Redis hold what the database holds, policies and overrides; return whether anything had to be written.

    Policies are compared by their content; overrides, which may be many, by their versions, unless `thorough`. Raises
    StoreUnavailable.
    """
    wrote_policies = _reconcile_policies()
    return sync_overrides.reconcile_overrides(thorough=thorough) > 0 or wrote_policies


def _reconcile_policies() -> bool:
    for _ in range(ATTEMPTS_MAX):
        found = documents.published()
        if not found.can_be_forgiven:
            documents.begin_epoch()
        source = from_database()
        if found.version == source.version and found.document == source.document:
            return False
        if documents.publish(source, seen=found.version):
            return True
    raise StoreUnavailable(f"others wrote the policies {ATTEMPTS_MAX} times meanwhile")


def publish_once() -> bool:
    """Publish now; say whether that could be done."""
    try:
        reconcile()
    except (StoreUnavailable, DatabaseError) as error:
        logger.debug("The policies cannot be published: %s", error)
        return False
    return True


def publish_soon() -> None:
    """Publish now; if that cannot be, keep trying from a thread of this process until it is done.

    Should the process end before, the next one to start tries again, and so does the job of every minute.
    """
    if not publish_once():
        logger.warning("The policies are saved, and not in force yet: this goes on trying.")
        _publisher.begin()


def publish_in_background() -> None:
    """Publish from a thread, at once, and until it is done."""
    _publisher.begin()


class _Publisher:
    """At most one thread that tries to publish, once a second."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._asked_again = False

    def begin_anew(self) -> None:
        """Have no thread and hold no lock, as in a process that was forked off."""
        self.__init__()  # type: ignore[misc]

    def begin(self) -> None:
        with self._lock:
            self._asked_again = True
            if self._thread is None or not self._thread.is_alive():
                self._thread = threading.Thread(target=self._run, name="limits-publish", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while self._is_wanted():
            while not publish_once():
                connection.close()
                time.sleep(RETRY_SECONDS)
        connection.close()

    def _is_wanted(self) -> bool:
        with self._lock:
            wanted, self._asked_again = self._asked_again, False
            if not wanted:
                self._thread = None
            return wanted


_publisher = _Publisher()
os.register_at_fork(after_in_child=_publisher.begin_anew)


def _read(found: Published) -> Snapshot:
    try:
        return snapshots.read(found.version, document=found.document)
    except SnapshotError:
        return snapshots.EMPTY


def is_in_step() -> bool:
    """Say whether Redis has the latest write of policies and of overrides, by their numbers alone.

    Cheap, however many there are; `compare` also finds what was written past the services. Raises StoreUnavailable.
    """
    number, _, digest = documents.look().policies.partition("-")
    latest = Revision.objects.filter(subject_type="policy").order_by("-pk").values_list("pk", flat=True).first() or 0
    return bool(digest) and number == str(latest) and sync_overrides.are_in_step()
