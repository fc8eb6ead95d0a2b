"""Which server loads which file."""

from portal.operations.backups.rdb import format
from portal.operations.backups.versions import Version, numbers_of

_REDIS: tuple[tuple[Version, int], ...] = (((7, 4), 12), ((7, 2), 11), ((7, 0), 10), ((5, 0), 9), ((0, 0), 8))
"""From a version of Redis on, the newest version of the format that it loads (RDB_VERSION in rdb.h)."""
_REDIS_KNOWN_UP_TO: Version = (8, 0)
_VALKEY_OF_REDIS = 11
"""Valkey loads what Redis wrote up to this version of the format (RDB_FOREIGN_VERSION_MIN in its rdb.h)."""
_VALKEY_OF_ITS_OWN: Version = (9, 0)
_VALKEY_KNOWN_UP_TO: Version = (9, 1)
_VALKEY_OWN_VERSION = 80


def can_load(magic: bytes, *, engine: str, version: str) -> bool:
    """Return whether a server loads a file that begins with these nine bytes; False where it is known to refuse.

    A version newer than those known here is said to load all of its own engine's files: it has to be tried.
    `engine` is `redis` or `valkey`. Raises RdbError when no RDB file begins so.
    """
    number, told = format.version_of(magic), numbers_of(version)
    if engine != "valkey":
        return not format.is_valkeys(magic) and (told > _REDIS_KNOWN_UP_TO or number <= _newest_of_redis(told))
    if not format.is_valkeys(magic):
        return number <= _VALKEY_OF_REDIS
    return told >= _VALKEY_OF_ITS_OWN and (number <= _VALKEY_OWN_VERSION or told > _VALKEY_KNOWN_UP_TO)


def _newest_of_redis(told: Version) -> int:
    return next(number for since, number in _REDIS if told >= since)
