"""Axes: round numbers up to which a drawing reaches, and round moments under it. Pure arithmetic."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

STEPS_MAX = 4
_ROUND = (1, 2, 5, 10, 20, 50, 100, 200, 500)


@dataclass(frozen=True, slots=True)
class Axis:
    """From 0 to `top` by steps: both are whole numbers, and round ones."""

    top: int
    step: int

    @property
    def ticks(self) -> tuple[int, ...]:
        """The numbers beside it, from the top down to 0."""
        return tuple(range(self.top, -1, -self.step))


def round_top(size: int, *, kilo: int = 1024) -> int:
    """Return the least round number that is not below a size: 1, 2, 5, 10, … 500, and those times kilo, kilo², …"""
    unit = 1
    while size > kilo * unit:
        unit *= kilo
    return next((step * unit for step in _ROUND if step * unit >= size), kilo * unit)


def counts_axis(most: int) -> Axis:
    """Return an axis for counts up to `most`, whose step is 1, 2 or 5 times a power of ten."""
    return _axis(most, step=round_top(_quarter(most), kilo=1000))


def bytes_axis(most: int) -> Axis:
    """Return an axis for sizes up to `most`, whose step is a power of two, as memory is bought."""
    return _axis(most, step=1 << (_quarter(most) - 1).bit_length())


def round_moments(begins: datetime, *, ends: datetime, every: timedelta, zone: tzinfo) -> Iterator[datetime]:
    """Yield the moments from `begins` to `ends` at which clocks in a zone show a multiple of `every` since midnight.

    Where `every` is days, they are midnights, so many days apart.
    """
    local = begins.astimezone(zone).replace(tzinfo=None)
    midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
    # Dates since year 1 give the same midnights whenever one looks.
    first = midnight - timedelta(days=midnight.toordinal() % max(1, every.days))
    steps = -((first - local) // every)
    moment = first + steps * every
    while (shown := moment.replace(tzinfo=zone).astimezone(UTC)) <= ends:
        if shown >= begins:
            yield shown
        moment += every


def _quarter(most: int) -> int:
    return max(1, -(-most // STEPS_MAX))


def _axis(most: int, *, step: int) -> Axis:
    return Axis(top=step * max(1, -(-most // step)), step=step)
