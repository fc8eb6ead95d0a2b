"""How several samples become one: what is summed, and of what the highest or the lowest stands for all."""

from collections.abc import Sequence

from django.db.models import Aggregate, Max, Min, Sum

SUMMED = (
    "seconds",
    "commands",
    "hits",
    "misses",
    "evicted",
    "expired",
    "errors",
    "rejected_connections",
    "restarts",
)
HIGHEST = ("used_memory_bytes", "rss_bytes", "clients", "keys", "latency_microseconds")
"""A peak of a second matters as much in a plot of a year: it is never smoothed away."""
LOWEST = ("limit_bytes",)
FIELDS = (*SUMMED, *HIGHEST, *LOWEST)


def reckoned() -> dict[str, Aggregate]:
    """Return what has the database join samples, by field."""
    ways = ((Sum, SUMMED), (Max, HIGHEST), (Min, LOWEST))
    return {name: way(name) for way, names in ways for name in names}


def joined(values: Sequence[dict[str, float | int | None]]) -> dict[str, float | int | None]:
    """Return the fields of one sample that stands for several, of which there is one at least."""
    return {name: _of(name, values=[each[name] for each in values]) for name in FIELDS}


def _of(name: str, *, values: Sequence[float | int | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    if name in SUMMED:
        return sum(known)
    return (max if name in HIGHEST else min)(known, default=None)
