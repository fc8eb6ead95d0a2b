"""Every line of the checklist, in the order in which it is read."""

from portal.operations.checklist import (
    access,
    alerts,
    backups,
    limiter,
    memory,
    network,
    persistence,
    reach,
    refusing,
    replication,
    site,
    versions,
)
from portal.operations.checklist.values import Line

LINES: tuple[Line, ...] = (
    *reach.LINES,
    *access.LINES,
    *network.LINES,
    *memory.LINES,
    *persistence.LINES,
    *replication.LINES,
    *versions.LINES,
    *limiter.LINES,
    *refusing.LINES,
    *site.LINES,
    *backups.LINES,
    *alerts.LINES,
)
SUBJECTS: tuple[str, ...] = tuple(dict.fromkeys(line.subject for line in LINES))


def lines_of(*, subject: str = "", ids: tuple[str, ...] = ()) -> tuple[Line, ...]:
    """Return the lines of a subject, or by their ids; all of them where neither is given. Raises LookupError."""
    known = {line.id for line in LINES}
    if missing := [each for each in ids if each not in known]:
        raise LookupError(f"There is no line “{missing[0]}”. There are: {', '.join(line.id for line in LINES)}.")
    if subject and subject not in SUBJECTS:
        raise LookupError(f"There is no subject “{subject}”.")
    return tuple(line for line in LINES if (not ids or line.id in ids) and subject in ("", line.subject))
