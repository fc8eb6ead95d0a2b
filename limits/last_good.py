"""The last good copy of the policies, in a file: for a process that starts while Redis and database are away."""

import logging

from limits import last_good_file
from limits.conf import conf
from limits.core import snapshots
from limits.core.snapshots import Snapshot

logger = logging.getLogger("limits")


def save(snapshot: Snapshot) -> None:
    """Write the copy in one step. A disk that refuses is logged: requests go on."""
    path = conf.snapshot_file
    if path is None:
        return
    try:
        last_good_file.write(path, (snapshot.version, *snapshot.document_lines))
    except OSError as error:
        logger.warning("The copy of the policies could not be written to %s: %s", path, error)


def load() -> Snapshot | None:
    """Return the copy; None when there is none that can be read."""
    path = conf.snapshot_file
    if path is None or not path.is_file():
        return None
    try:
        version, _, document = path.read_text(encoding="utf-8").removesuffix("\n").partition("\n")
        return snapshots.read(version, document=document)
    except (OSError, ValueError) as error:
        logger.warning("The copy of the policies in %s cannot be read: %s", path, error)
        return None
