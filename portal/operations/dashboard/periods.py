"""How far back the dashboard shows."""

from dataclasses import dataclass
from datetime import datetime, timedelta

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """A span of time that ends now: `name` in addresses, how long a bar of it stands for, how far its ticks are."""

    name: str
    words: str
    length: timedelta
    bar: timedelta
    tick: timedelta

    def begins(self, *, now: datetime) -> datetime:
        """Return the moment of its begin."""
        return now - self.length

    @property
    def form(self) -> str:
        """How to write its moments, as `strftime` takes it."""
        return "%H:%M" if self.length <= DAY else "%d %b"


PERIODS = (
    Period("1h", "1 hour", length=HOUR, bar=timedelta(minutes=1), tick=timedelta(minutes=15)),
    Period("24h", "24 hours", length=DAY, bar=timedelta(minutes=30), tick=timedelta(hours=6)),
    Period("30d", "30 days", length=30 * DAY, bar=DAY, tick=timedelta(days=7)),
)
USUAL = PERIODS[1]


def period_named(name: str) -> Period:
    """Return the period of a name; the usual one for a name that none has."""
    return next((period for period in PERIODS if period.name == name), USUAL)
