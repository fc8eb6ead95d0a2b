"""Reading the lines of overrides that were found: once each, as long as they are asked for."""

import logging
from functools import lru_cache

from limits.core.overrides import Override, OverrideError, from_line

logger = logging.getLogger("limits")

LINES_MAX = 4096


@lru_cache(maxsize=LINES_MAX)
def read(line: str) -> Override | None:
    """Return the override of a line; None, and a line in the log, when it cannot be read."""
    try:
        return from_line(line)
    except OverrideError as error:
        logger.error("%s It does not hold.", error)
        return None
