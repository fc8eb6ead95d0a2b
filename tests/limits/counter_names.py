"""What a counter's name says, as nothing but its own parts can be read out of it."""

import re
from dataclasses import dataclass

from limits.core.policies import Algorithm

_ALGORITHM = {"": Algorithm.FIXED_WINDOW, "s": Algorithm.SLIDING_WINDOW, "b": Algorithm.TOKEN_BUCKET}
_COUNTER = re.compile(r"rl:\{([^:]+):(.+)\}:(?:([0-9]{1,9})([sb]?)|penalty)")


@dataclass(frozen=True, slots=True)
class CounterName:
    """What a counter's name says; of a penalty the window is 0."""

    slug: str
    client: str
    window_seconds: int = 0
    algorithm: Algorithm = Algorithm.FIXED_WINDOW

    @property
    def is_penalty(self) -> bool:
        return not self.window_seconds


def parse_counter(key: str) -> CounterName | None:
    """Return what a counter's or a penalty's name says, or None when the key is neither."""
    match = _COUNTER.fullmatch(key)
    if match is None:
        return None
    slug, client, window, suffix = match.groups()
    return CounterName(slug, client, int(window or 0), _ALGORITHM[suffix or ""])
