"""The numbers of the format, and what an RDB file may say of itself."""

import re

import anycrc

MAGIC_BYTES = 9
_MAGIC = re.compile(rb"REDIS[0-9]{4}|VALKEY[0-9]{3}")
VERSION_MIN, VERSION_MAX = 5, 99
"""From 5 on a file ends in a checksum. The types of a file decide whether it can be read, not its number."""

# What stands where a key's type may stand.
EOF = 0xFF
SELECT = 0xFE
EXPIRES_SECONDS = 0xFD
EXPIRES_MS = 0xFC
RESIZE = 0xFB
AUX = 0xFA
FREQUENCY = 0xF9
IDLE = 0xF8
MODULE_AUX = 0xF7
FUNCTION = 0xF5
SLOT_INFO = 0xF4
SLOT_IMPORT = 0xF3

# Types of values.
STRING, LIST, SET, ZSET, HASH, ZSET_2 = 0, 1, 2, 3, 4, 5
MODULE_2 = 7
LIST_ZIPLIST, SET_INTSET, ZSET_ZIPLIST, HASH_ZIPLIST, LIST_QUICKLIST = 10, 11, 12, 13, 14
STREAM_LISTPACKS, HASH_LISTPACK, ZSET_LISTPACK, LIST_QUICKLIST_2, STREAM_LISTPACKS_2 = 15, 16, 17, 18, 19
SET_LISTPACK, STREAM_LISTPACKS_3 = 20, 21
VALKEY_HASH_2 = 22
"""In a file of Valkey; Redis gave the number to a hash of its release candidates only, which is not read."""
HASH_METADATA, HASH_LISTPACK_EX = 24, 25

_crc = anycrc.Model("CRC64-REDIS")


class RdbError(ValueError):
    """A file, or a value, that is not what Redis writes."""


def crc64(data: bytes | memoryview, *, after: int = 0) -> int:
    """Return the checksum of `data` that follows what has the checksum `after` (Jones' polynomial, as in crc64.c)."""
    checksum: int = _crc.calc(data, after)
    return checksum


def version_of(magic: bytes) -> int:
    """Return the version that a file's first nine bytes tell. Raises RdbError when they are not an RDB's."""
    if not _MAGIC.fullmatch(magic):
        raise RdbError("It does not begin as an RDB file does: it is empty, encrypted, or another program's.")
    version = int(magic.lstrip(b"REDISVALKY"))
    if not VERSION_MIN <= version <= VERSION_MAX:
        raise RdbError(f"It is an RDB file of version {version}, which is not known here.")
    return version


def is_valkeys(magic: bytes) -> bool:
    """Say whether Valkey's own types may be in the file."""
    return magic.startswith(b"VALKEY")


def oldest_version(kind: int, *, is_valkey: bool) -> int:
    """Return the oldest version of the format that knows a type: a value told to be of it loads wherever it can."""
    if kind >= VALKEY_HASH_2:
        return 80 if is_valkey else 12
    if kind >= SET_LISTPACK:
        return 11
    return 10 if kind >= HASH_LISTPACK else 9
