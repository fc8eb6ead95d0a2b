"""Every name that we give to something in Redis.

A counter is `rl:{POLICY:CLIENT}:WINDOW_SECONDS`, such as `rl:{login:203.0.113.9}:60`. The braces are a Cluster's
hash tag: all counters of one policy and client are in one slot, so that one script can charge them together.
"""

import re

POLICIES = "limits:{policies}"
"""A hash: `version` and `document`, written in one step."""

_COUNTER = re.compile(r"rl:\{([^:]+):(.+)\}:([0-9]{1,9})")
_GLOB_SPECIAL = re.compile(r"([*?\[\]\\^])")


def counter(slug: str, *, client: str, window_seconds: int) -> str:
    """Return the name of one rate's counter for one client."""
    return f"rl:{{{slug}:{client}}}:{window_seconds}"


def counter_glob(slug: str, *, client: str | None = None) -> str:
    """Return the pattern for SCAN of a policy's counters, or of one client's."""
    who = "*" if client is None else _GLOB_SPECIAL.sub(r"\\\1", client)
    return f"rl:{{{slug}:{who}}}:*"


def parse_counter(key: str) -> tuple[str, str, int] | None:
    """Return (policy, client, window in seconds), or None when the key is no counter."""
    match = _COUNTER.fullmatch(key)
    return (match[1], match[2], int(match[3])) if match else None
