"""Versions of servers, and the oldest one that backups are made of and brought back to."""

import re

Version = tuple[int, int]

OLDEST: Version = (7, 0)
"""As for rate limits. Older ones do not know PEXPIRETIME, and do not tell how many keys they loaded."""
_NUMBERS = re.compile(r"(\d+)\.(\d+)")


def is_at_least(version: str, *, least: Version = OLDEST) -> bool:
    """Return whether a version such as 7.0.15 is this one or newer."""
    return numbers_of(version) >= least


def numbers_of(version: str) -> Version:
    """Return the first two numbers of a version; zeros where it has none."""
    found = _NUMBERS.match(version)
    return (int(found[1]), int(found[2])) if found else (0, 0)
