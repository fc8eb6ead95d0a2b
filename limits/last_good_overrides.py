"""The last good copy of the overrides, in a file beside that of the policies, as long as they are not many.

With more than about ten thousand, writing them anew at each change would cost more than they are worth: then there is
no copy, and a process that starts while Redis is away begins without, or with those of the database.
"""

import json
import logging
from collections.abc import Mapping
from pathlib import Path

from limits import last_good_file
from limits.conf import conf
from limits.core.override_index import Part

logger = logging.getLogger("limits")

CHARACTERS_MAX = 1_000_000


def save(parts: Mapping[int, Part]) -> None:
    """Write the copy in one step, or remove it when there is too much. A disk that refuses is logged."""
    path = _file()
    if path is None:
        return
    try:
        if sum(len(line) for held in parts.values() for line in held.lines) > CHARACTERS_MAX:
            path.unlink(missing_ok=True)
            return
        copy = {number: [held.version, *held.lines] for number, held in parts.items()}
        last_good_file.write(path, [json.dumps(copy)])
    except OSError as error:
        logger.warning("The copy of the overrides could not be written to %s: %s", path, error)


def load() -> dict[int, Part] | None:
    """Return the copy; None when there is none that can be read."""
    path = _file()
    if path is None or not path.is_file():
        return None
    try:
        copy = json.loads(path.read_text(encoding="utf-8"))
        return {int(number): Part(version, tuple(map(str, lines))) for number, (version, *lines) in copy.items()}
    except (OSError, ValueError, TypeError, AttributeError) as error:
        logger.warning("The copy of the overrides in %s cannot be read: %s", path, error)
        return None


def _file() -> Path | None:
    path = conf.snapshot_file
    return path and path.with_name("overrides.json")
