"""Refusals by policy over time, out of the tallies: added up by the database, on its index."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db.models import CharField, Q, Sum
from django.db.models.functions import Cast, Left

from limits.models import Tally
from portal.operations.dashboard.periods import DAY, Period

ADDING_SECONDS = 0.15
"""For so long days are added up for one page."""
_FULL_MOMENT = "0000-00-00 00:00"
_SETTLED_AFTER = timedelta(hours=3)
"""A minute's tally may grow as long as it stands in Redis: two hours."""


@dataclass(frozen=True, slots=True)
class Refused:
    """How often a policy refused, and how often it would have in shadow mode."""

    refused: int = 0
    in_shadow: int = 0

    def __add__(self, other: "Refused") -> "Refused":
        return Refused(self.refused + other.refused, self.in_shadow + other.in_shadow)


ByPolicy = dict[str, Refused]


@dataclass(frozen=True, slots=True)
class Slot:
    """A stretch of time, and who refused in it. `is_known`: it has been added up."""

    begins: datetime
    ends: datetime
    by_policy: Mapping[str, Refused]
    is_known: bool = True


class PastDays:
    """Sums of whole days, by this process. A day that is over is added up once: a month of a busy site takes seconds.

    Nobody waits for them: the newest days come first, and what is not added up in time, the next time.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._known: dict[datetime, ByPolicy] = {}

    def found(self, days: Sequence[datetime], *, now: datetime) -> dict[datetime, ByPolicy]:
        """Return the sums of days, by their begin, as far as they are known by now."""
        ends_at = self._clock() + ADDING_SECONDS
        found = {day: sums for day, sums in self._known.items() if day in days}
        for day in reversed(days):
            if day not in found and self._clock() < ends_at:
                found[day] = _sums(day, until=day + DAY, step=DAY).get(day, {})
        self._known = {day: sums for day, sums in found.items() if day + DAY + _SETTLED_AFTER < now}
        return found

    def forget(self) -> None:
        """Begin anew."""
        self._known = {}


past_days = PastDays()


def refused_slots(period: Period, *, now: datetime, past: PastDays = past_days) -> tuple[Slot, ...]:
    """Return the stretches of a period, the oldest first; the last one goes on."""
    step = period.bar
    last = _floor(now, step=step)
    moments = [last - number * step for number in reversed(range(period.length // step))]
    if step == DAY:
        found = past.found(moments, now=now)
    else:
        found = {moment: {} for moment in moments} | _sums(moments[0], until=last + step, step=step)
    return tuple(
        Slot(moment, ends=moment + step, by_policy=found.get(moment, {}), is_known=moment in found)
        for moment in moments
    )


def _sums(since: datetime, *, until: datetime, step: timedelta) -> dict[datetime, ByPolicy]:
    # Moments are kept in UTC, as texts or as good as texts: their first letters are the minute, ten minutes, the day.
    letters = 16 if step < timedelta(minutes=10) else 15 if step < DAY else 10
    rows = (
        Tally.objects.filter(Q(refused__gt=0) | Q(shadow_refused__gt=0), minute__gte=since, minute__lt=until)
        .order_by()
        .annotate(part=Left(Cast("minute", CharField()), letters))
        .values_list("part", "policy")
        .annotate(refusals=Sum("refused"), shadows=Sum("shadow_refused"))
    )
    sums: dict[datetime, ByPolicy] = {}
    for part, policy, refused, in_shadow in rows:
        moment = datetime.fromisoformat(part + _FULL_MOMENT[len(part) :]).replace(tzinfo=UTC)
        of_slot = sums.setdefault(_floor(moment, step=step), {})
        of_slot[policy] = of_slot.get(policy, Refused()) + Refused(int(refused), int(in_shadow))
    return sums


def _floor(moment: datetime, *, step: timedelta) -> datetime:
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (moment - epoch) // step * step
