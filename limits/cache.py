"""The cache backend in which django-ratelimit counts: its `add` and `incr` are one atomic step, one round trip.

django-ratelimit asks the cache twice for a decision: `add`, and `incr` when the key was there. Here `add` counts, and
`incr` tells what it counted. Time is Redis's: a counter lives one window from its client's first request.
"""

import hashlib
from typing import Any

from django_ratelimit.core import EXPIRATION_FUDGE
from django_redis.cache import RedisCache

from limits import store
from limits.exceptions import StoreUnavailable

_MARK = "\x1f"


def marked(key: str) -> str:
    """Return a value for django-ratelimit that makes ReadableKey use `key`, and nothing else, as the cache key."""
    return f"{_MARK}{key}{_MARK}"


class ReadableKey:
    """Stands where django-ratelimit expects a hash: of a marked value it keeps the key within, as it is.

    So the limit and django-ratelimit's own window, which it puts into what it hashes, are no part of a counter's
    name: an edited limit keeps the counts, and clocks of several servers cannot part them. A value without the mark
    comes from a view that uses django-ratelimit alone, and is hashed as ever.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def hexdigest(self) -> str:
        """Return the key."""
        _, mark, rest = self._data.partition(_MARK.encode())
        if mark:
            return rest.partition(_MARK.encode())[0].decode()
        return "rl:" + hashlib.sha256(self._data).hexdigest()


def key_as_it_is(key: str, key_prefix: str, version: int) -> str:
    """Return the key without Django's prefix and version: counters are read by people."""
    return key


class CounterCache(RedisCache):
    """django-redis's backend, for counters.

    Django gives each thread a backend of its own, so what is kept between the two calls is one thread's.
    """

    _last: tuple[str, store.Counted] | None = None

    def counted(self, key: str) -> store.Counted | None:
        """Return what the last `add` counted: (count, rest in milliseconds). None when it was of another key, or when
        Redis could not be asked.
        """
        return self._last[1] if self._last and self._last[0] == key else None

    def add(self, key: str, value: Any, timeout: Any = None, **kwargs: Any) -> bool:
        """Count `value` requests. True when they are the first, or when nothing can be counted (let through)."""
        window_milliseconds = max(1, int((timeout or 0) - EXPIRATION_FUDGE)) * 1000
        self._last = None
        try:
            counted = store.count(key, amount=value, window_milliseconds=window_milliseconds)
        except StoreUnavailable:
            if value:
                store.breaker.let_through()
            return True
        self._last = key, counted
        return bool(value > 0 and counted[0] == value)

    def incr(self, key: str, delta: int = 1, **kwargs: Any) -> int:
        """Return the count that `add` has made of it already. Raises ValueError, as caches do, for any other key."""
        counted = self.counted(key)
        if counted is None:
            raise ValueError(f"Key {key!r} not found")
        return counted[0]

    def get(self, key: str, default: Any = None, **kwargs: Any) -> Any:
        """Return the count that `add` has looked up; the default for any other key."""
        counted = self.counted(key)
        return default if counted is None else counted[0]
