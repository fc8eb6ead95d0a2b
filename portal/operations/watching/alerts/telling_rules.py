"""Which message is due, as plain arithmetic.

What is told has a start and an end, and repeats between them. Told is what is under way, and a rule that could not be
judged for `TROUBLE_TOLD_AFTER`: that nobody knows is news, too. Decisions on the way:
- Who is muted is told nothing, not even the end. What still holds afterwards is told then, and so is the end of what
  was told; what began and ended meanwhile was never told.
- What began again before its end could be told goes on: for those who were told, it was never over.
- An alert that begins takes the place of “cannot be judged”, without an end of that.
- An acknowledgement stops repeats, not the end.
"""

from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum

from portal.operations.watching.alerts.states import Standing

TROUBLE_TOLD_AFTER = timedelta(minutes=5)


class Due(StrEnum):
    """A message that should go out now."""

    START = "start"
    REPEAT = "repeat"
    END = "end"


@dataclass(frozen=True, slots=True)
class Told:
    """When people were told of what goes on, first and last; None: they were not."""

    first_at: datetime | None = None
    last_at: datetime | None = None


NOTHING = Told()


@dataclass(frozen=True, slots=True)
class Manner:
    """How people want to be told at this moment. `repeat_after` None: never again."""

    is_muted: bool = False
    is_acknowledged: bool = False
    repeat_after: timedelta | None = None


def carried_over(told: Told, *, before: Standing, after: Standing) -> Told:
    """Return what was told that still counts: an alert that begins was not told by “cannot be judged”."""
    begins = after.is_active and not before.is_active
    return NOTHING if begins and before.began_at is None else told


def due(standing: Standing, *, told: Told, manner: Manner, now: datetime) -> Due | None:
    """Return the message that is due, if one is."""
    if manner.is_muted:
        return None
    if told.first_at is None or told.last_at is None:
        return Due.START if standing.is_active or is_lasting_trouble(standing, now=now) else None
    if not _goes_on(standing):
        return Due.END
    return Due.REPEAT if _is_time_again(told.last_at, manner=manner, now=now) else None


def is_lasting_trouble(standing: Standing, *, now: datetime) -> bool:
    """Say whether a rule could not be judged for so long that people should know."""
    return standing.state.is_trouble and now - standing.since >= TROUBLE_TOLD_AFTER


def is_over(standing: Standing, *, told: Told) -> bool:
    """Say whether nothing goes on and nothing is left to tell."""
    return not standing.is_active and told.first_at is None


def is_quiet(at: time, *, quiet_from: time | None, quiet_until: time | None) -> bool:
    """Say whether a local time lies in quiet hours, which may begin before midnight and end after it."""
    if quiet_from is None or quiet_until is None or quiet_from == quiet_until:
        return False
    if quiet_from < quiet_until:
        return quiet_from <= at < quiet_until
    return at >= quiet_from or at < quiet_until


def _goes_on(standing: Standing) -> bool:
    """Say whether what was told goes on: an alert, or (it has no beginning) that it cannot be judged."""
    return standing.is_active or (standing.began_at is None and standing.state.is_trouble)


def _is_time_again(last_at: datetime, *, manner: Manner, now: datetime) -> bool:
    if manner.is_acknowledged or manner.repeat_after is None:
        return False
    # Either way: a clock that was set back must not put the next one off for long.
    return abs(now - last_at) >= manner.repeat_after
