"""A value as DUMP gives it and RESTORE takes it: type, value, version of the format (2 bytes), CRC64 (8 bytes)."""

from typing import NamedTuple

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import RdbError, crc64

_FOOTER_BYTES = 10


class Dumped(NamedTuple):
    """What a payload holds."""

    kind: int
    value: bytes
    version: int


def payload(kind: int, *, value: bytes, is_valkey: bool) -> bytes:
    """Return what RESTORE takes for a value of a file."""
    version = format.oldest_version(kind, is_valkey=is_valkey)
    body = b"%c%b%b" % (kind, value, version.to_bytes(2, "little"))
    return body + crc64(body).to_bytes(8, "little")


def split(dumped: bytes) -> Dumped:
    """Return what DUMP gave. Raises RdbError when its checksum is wrong."""
    body, checksum = dumped[:-8], int.from_bytes(dumped[-8:], "little")
    if len(dumped) <= _FOOTER_BYTES or (checksum and checksum != crc64(body)):
        raise RdbError("What the server dumped has a wrong checksum.")
    return Dumped(dumped[0], dumped[1:-_FOOTER_BYTES], int.from_bytes(dumped[-_FOOTER_BYTES:-8], "little"))
