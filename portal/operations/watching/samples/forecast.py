"""How memory would go on: a straight line through what was used, and when it meets the limit."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

LEAST_SECONDS = 30 * 60
LEAST_SAMPLES = 20
LEAST_R2 = 0.6
_MINUTE, _HOUR, _DAY, _YEAR = 60, 3600, 86_400, 365 * 86_400
_LENGTHS = ((_DAY, "day", 2 * _DAY), (_HOUR, "hour", 1.5 * _HOUR), (_MINUTE, "minute", 0))
"""How long each is, its name, and from how many seconds on it is used."""
_UNITS = ("bytes", "KB", "MB", "GB", "TB")


@dataclass(frozen=True, slots=True)
class Forecast:
    """When memory is full if it grows on as it did. `r2` says how well the line fits, at best 1."""

    bytes_per_minute: float
    full_in_seconds: float
    """From the last sample on; 0: it is full."""
    r2: float

    @property
    def words(self) -> str:
        """As in: full in about 4 hours at 12 MB a minute."""
        return f"full {_in_words(self.full_in_seconds)} at {_size(self.bytes_per_minute)} a minute"


def forecast(samples: Sequence[tuple[float, int]], *, limit_bytes: int | None) -> Forecast | None:
    """Return when memory would be full, by least squares over (seconds, used bytes) in the order of time.

    None where nothing can be said: less than LEAST_SECONDS or LEAST_SAMPLES, no limit, no growth, or no straight line
    (R² under LEAST_R2), as the saw-tooth of expiring keys. Keys that were deleted at once make such a tooth too.
    """
    if not limit_bytes or len(samples) < LEAST_SAMPLES or samples[-1][0] - samples[0][0] < LEAST_SECONDS:
        return None
    # Small numbers: those of the clock and of large servers lose what is to be found.
    seconds = [at - samples[0][0] for at, _ in samples]
    used = [float(size - samples[0][1]) for _, size in samples]
    try:
        slope = statistics.linear_regression(seconds, used).slope
        r2 = statistics.correlation(seconds, used) ** 2
    except statistics.StatisticsError:
        return None  # It never changed.
    if slope <= 0 or r2 < LEAST_R2:
        return None
    return Forecast(
        bytes_per_minute=slope * _MINUTE, full_in_seconds=max(0.0, (limit_bytes - samples[-1][1]) / slope), r2=r2
    )


def _in_words(seconds: float) -> str:
    if seconds < _MINUTE:
        return "within a minute"
    if seconds > _YEAR:
        return "in more than a year"
    length, name = next((length, name) for length, name, from_seconds in _LENGTHS if seconds >= from_seconds)
    number = round(seconds / length)
    return f"in about {number} {name}{'' if number == 1 else 's'}"


def _size(size_bytes: float) -> str:
    power = min(int(math.log(max(size_bytes, 1), 1024)), len(_UNITS) - 1)
    amount = size_bytes / 1024**power
    figure = f"{amount:.1f}" if power and amount < 10 else f"{amount:.0f}"
    return f"{figure.removesuffix('.0')} {_UNITS[power]}"
