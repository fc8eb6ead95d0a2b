"""Every name that we give to something in Redis.

A counter is `rl:{POLICY:CLIENT}:WINDOW_SECONDS`, such as `rl:{login:203.0.113.9}:60`: a fixed window. A sliding
window's ends in `60s`, a token bucket's in `60b`, and a penalty is `rl:{login:203.0.113.9}:penalty`. The braces are a
Cluster's hash tag: all counters of one policy and client are in one slot, so that one script can charge them together.
"""

import re

from limits.core.policies import Algorithm

POLICIES = "limits:{policies}"
"""A hash, which every process looks at: `version` and `document` of the policies, written in one step; `overrides`,
the version of the overrides; `epoch`, which grows whenever a client is forgiven."""
OVERRIDES = "limits:{policies}:overrides"
"""A hash: `NUMBER` a part, `NUMBER:version` its version. A part's first line is a digest of its version and of the
lines after it, each of which is an override."""
TALLIES = "limits:{tallies}"
"""`limits:{tallies}:MINUTE`, a hash for each minute since 1970."""
REFUSALS = "limits:{tallies}:refusals"
"""A capped stream of the last refusals."""

_SUFFIX = {Algorithm.FIXED_WINDOW: "", Algorithm.SLIDING_WINDOW: "s", Algorithm.TOKEN_BUCKET: "b"}
_GLOB_SPECIAL = re.compile(r"([*?\[\]\\^])")


def counter(slug: str, *, client: str, window_seconds: int, algorithm: Algorithm = Algorithm.FIXED_WINDOW) -> str:
    """Return the name of one rate's counter for one client."""
    return f"rl:{{{slug}:{client}}}:{window_seconds}{_SUFFIX[algorithm]}"


def penalty(slug: str, *, client: str) -> str:
    """Return the name of what keeps a client refused under a policy."""
    return f"rl:{{{slug}:{client}}}:penalty"


def counter_glob(slug: str, *, client: str | None = None) -> str:
    """Return the pattern for SCAN of a policy's counters, or of one client's."""
    who = "*" if client is None else _GLOB_SPECIAL.sub(r"\\\1", client)
    return f"rl:{{{slug}:{who}}}:*"


def tallies_of(minute: int) -> str:
    """Return the name of the tallies of a minute since 1970."""
    return f"{TALLIES}:{minute}"
