"""What stands where django-ratelimit expects a hash. Settings name it, so it knows nothing of Django."""

import hashlib
import secrets

MARK = f"\x1f{secrets.token_hex(16)}\x1f"
"""Another in each process, so that nobody can send it: what clients send comes by here too. No counter bears it."""


class ReadableKey:
    """Of a marked value it keeps the key within, as it is.

    So the limit and django-ratelimit's own window, which it puts into what it hashes, are no part of a counter's
    name: an edited limit keeps the counts, and clocks of several servers cannot part them. A value without the mark
    comes from a view that uses django-ratelimit alone, and is hashed as ever.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data

    def hexdigest(self) -> str:
        """Return the key."""
        _, mark, rest = self._data.partition(MARK.encode())
        if mark:
            return rest.partition(MARK.encode())[0].decode()
        return "rl:" + hashlib.sha256(self._data).hexdigest()
