"""What the names of keys begin with. Names may hold people's data: a prefix tells the kind of a key, and no more."""

import re
from functools import lru_cache

from portal.operations.printable import printable

NONE = "(no prefix)"
OTHERS = "(others, too few of a kind to name)"
_LENGTH_MAX = 40
_WORD_MAX = 64
"""What is longer is no name that somebody gave to a kind of keys."""

_OURS = re.compile(
    r"rl:\{[a-z0-9-]{1,60}:"  # counters of a policy
    r"|limits:\{[a-z]{1,20}\}"
    r"|celery-task-meta-|_kombu\.binding\.|unacked(?=$|_)"
)
_WHOLE_OURS = frozenset({"celery", "long"})
_VERSION = re.compile(r":\d+:")
"""Django's cache puts one before each key."""
_PERSONAL = re.compile(
    r"[^\s:]*@[^\s:]*"  # addresses of mail
    r"|(?=[0-9a-f-]*\d)[0-9a-f][0-9a-f-]{7,}"  # digests and identifiers
    r"|[A-Za-z0-9_+/=-]{25,}"  # tokens
    r"|\d+",
    re.IGNORECASE,
)


def prefix_of(key: bytes) -> str:
    """Return what a key begins with, made safe to show: up to its first colon, or what this site's own begin with.

    Numbers, addresses, digests and what looks like a token become `#`.
    """
    name = key.decode(errors="surrogateescape")
    ours = _OURS.match(name)
    if ours or name in _WHOLE_OURS:
        return ours[0] if ours else name
    version = _VERSION.match(name)
    start = version[0] if version else ""
    word, colon, _ = name[len(start) :].partition(":")
    return start + _safe(word) + ":" if colon else start or NONE


def is_counter(prefix: str) -> bool:
    """Say whether keys of a prefix are counters of limits, which must end by themselves."""
    return prefix.startswith("rl:{")


def is_ours(prefix: str) -> bool:
    """Say whether a prefix is one of this site's own."""
    return bool(_OURS.fullmatch(prefix)) or prefix in _WHOLE_OURS or prefix in (NONE, OTHERS)


@lru_cache(maxsize=2048)
def _safe(word: str) -> str:
    masked = _PERSONAL.sub("#", word) if len(word) <= _WORD_MAX else "#"
    shown = printable(masked.encode(errors="surrogateescape").decode(errors="backslashreplace"), keeps="")
    return shown if len(shown) <= _LENGTH_MAX else f"{shown[: _LENGTH_MAX - 1]}…"
