"""The cache backend in which django-ratelimit counts: its `add` and `incr` are one atomic step, one round trip.

django-ratelimit asks the cache twice for a decision: `add`, and `incr` when the key was there. Here `add` counts, and
`incr` tells what it counted. Time is Redis's: a counter lives one window from its client's first request.
"""

import threading
from collections.abc import Callable
from typing import Any

from django_ratelimit.core import EXPIRATION_FUDGE
from django_redis.cache import RedisCache

from limits.exceptions import StoreUnavailable
from limits.readable_key import MARK
from limits.store import counters
from limits.store.connection import breaker
from limits.store.counters import Counted


def marked(key: str, *, limit: int) -> str:
    """Return a value for django-ratelimit that makes ReadableKey use `key`, and nothing else, as the cache key.

    The limit travels with it to `CounterCache.add`, which takes it off: it is no part of the counter's name. With 0
    refused requests count too.
    """
    return f"{MARK}{key} {limit}{MARK}"


def asking(decide: Callable[[int], int]) -> str:
    """Return a value for django-ratelimit that makes `CounterCache` take the count from `decide`, once, in this thread.

    `decide` is given the amount: 0 looks only.
    """
    _last.decide = decide
    return MARK * 2


def key_as_it_is(key: str, key_prefix: str, version: int) -> str:
    """Return the key without Django's prefix and version: counters are read by people."""
    return key


class _Last(threading.local):
    """What a thread counted last: `add` tells it to `incr`, and to whoever asked django-ratelimit."""

    key = ""
    counted: Counted | None = None
    decide: Callable[[int], int] | None = None


_last = _Last()


def last_counted(key: str) -> Counted | None:
    """Return what `add` has just counted in this thread: (count, rest in milliseconds). `key` may be marked.

    None when it was of another key, or when Redis could not be asked.
    """
    return _last.counted if _last.key == key.removeprefix(MARK).removesuffix(MARK) else None


class CounterCache(RedisCache):
    """django-redis's backend, for counters."""

    def add(self, key: str, value: Any, timeout: Any = None, **kwargs: Any) -> bool:
        """Count `value` requests. True when they are the first, or when nothing can be counted."""
        window_milliseconds = max(1, int((timeout or 0) - EXPIRATION_FUDGE)) * 1000
        if not key and _last.decide is not None:
            return self._add_as_decided(value)
        _last.key, _last.counted = key, None
        # A key of a view that uses django-ratelimit alone is a hash, with no limit behind it.
        name, is_ours, limit = key.partition(" ")
        try:
            counted = counters.count(name, amount=value, window_milliseconds=window_milliseconds, limit=int(limit or 0))
        except StoreUnavailable:
            if value and not is_ours:
                breaker.let_through()
            return True
        _last.counted = counted
        return bool(value > 0 and counted[0] == value)

    def _add_as_decided(self, value: int) -> bool:
        assert _last.decide is not None
        decide, _last.decide = _last.decide, None
        count = decide(value)
        _last.key, _last.counted = "", (count, 0)
        return bool(value > 0 and count == value)

    def incr(self, key: str, delta: int = 1, **kwargs: Any) -> int:
        """Return the count that `add` has made of it already. Raises ValueError, as caches do, for any other key."""
        counted = last_counted(key)
        if counted is None:
            raise ValueError(f"Key {key!r} not found")
        return counted[0]

    def get(self, key: str, default: Any = None, **kwargs: Any) -> Any:
        """Return the count that `add` has looked up; the default for any other key."""
        counted = last_counted(key)
        return default if counted is None else counted[0]
