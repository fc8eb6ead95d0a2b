"""What a process does before its first request."""

import contextlib
import logging

from django.db import Error as DatabaseError

from limits import keeper, last_good, sync, sync_overrides, views_in_code
from limits.core.snapshots import Snapshot
from limits.exceptions import StoreUnavailable
from limits.in_force import policies_in_force
from limits.overrides_in_force import overrides_in_force
from limits.store import documents, server

logger = logging.getLogger("limits")


def start() -> None:
    """Take the policies in force: from Redis, else from the database, else from the last good copy in a file.

    A keeper then looks at what changes, in a thread of its own. In the background Redis is brought into step with
    the database: a change that was saved while Redis was away comes into force although the process that saved it is
    gone. Raises StoreTooOld.
    """
    with contextlib.suppress(StoreUnavailable):
        server.check_version()
    if not _take_from_redis():
        snapshot = _from_database() or last_good.load()
        if snapshot is None:
            logger.error("No policies were found in Redis, the database or a file: nothing is limited yet.")
        else:
            policies_in_force.take(snapshot)
            last_good.save(snapshot)
    for slug in sorted(views_in_code.slugs_in_use() - policies_in_force.snapshot.policies.keys()):
        logger.error("Code uses the policy “%s”, which is not there: it limits nothing.", slug)
    if not overrides_in_force.load():
        _take_overrides_from_database()
    keeper.start()
    sync.publish_in_background()


def _take_from_redis() -> bool:
    try:
        found = documents.published()
    except StoreUnavailable:
        return False
    return bool(found.version) and policies_in_force.take_published(found)


def _from_database() -> Snapshot | None:
    try:
        snapshot = sync.from_database()
    except DatabaseError as error:
        logger.warning("The policies cannot be read from the database: %s", error)
        return None
    return snapshot if snapshot.policies else None


def _take_overrides_from_database() -> None:
    with contextlib.suppress(DatabaseError):
        overrides_in_force.take(sync_overrides.from_database())
