"""The last good copy of the policies, in a file: for a process that starts while Redis and database are away."""

import json
import logging

from limits import last_good_file
from limits.conf import conf
from limits.core import snapshots
from limits.core.snapshots import Snapshot, SnapshotError

logger = logging.getLogger("limits")


def save(snapshot: Snapshot) -> None:
    """Write the copy in one step. A disk that refuses is logged: requests go on."""
    path = conf.snapshot_file
    if path is None:
        return
    try:
        last_good_file.write(path, json.dumps({"version": snapshot.version, "document": snapshot.document}))
    except OSError as error:
        logger.warning("The copy of the policies could not be written to %s: %s", path, error)


def load() -> Snapshot | None:
    """Return the copy; None when there is none that can be read."""
    path = conf.snapshot_file
    if path is None or not path.is_file():
        return None
    try:
        copy = json.loads(path.read_text())
        return snapshots.read(copy["version"], document=copy["document"])
    except (OSError, ValueError, KeyError, TypeError, SnapshotError) as error:
        logger.warning("The copy of the policies in %s cannot be read: %s", path, error)
        return None
