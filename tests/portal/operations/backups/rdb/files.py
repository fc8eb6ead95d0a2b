"""RDB files made in memory, for tests."""

from collections.abc import Iterable
from io import BytesIO

from portal.operations.backups.rdb.payload import payload
from portal.operations.backups.rdb.write import RdbWriter, string

Key = tuple[int, bytes, bytes, int]
"""Database, key, value, and when it expires in milliseconds, 0 for never."""


def rdb_of(keys: Iterable[Key], *, magic: bytes = b"REDIS0010") -> bytes:
    """Return a file of plain strings."""
    file = BytesIO()
    writer, database = RdbWriter(file, magic=magic), -1
    writer.aux(b"redis-ver", b"7.0.15")
    for number, key, value, expires_at_ms in keys:
        if number != database:
            writer.select(number)
            database = number
        writer.key(key, payload=payload(0, value=string(value), is_valkey=False), expires_at_ms=expires_at_ms)
    writer.end()
    return file.getvalue()
