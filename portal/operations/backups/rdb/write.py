"""Writing an RDB file of what a server dumped key by key."""

from typing import BinaryIO

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import crc64

_FOOTER_BYTES = 10
_MS_BYTES = 8


def magic_of(dumped: bytes, *, engine: str) -> bytes:
    """Return the first nine bytes of a file that holds what this payload does; `engine` is `redis` or `valkey`."""
    version = int.from_bytes(dumped[-_FOOTER_BYTES:-8], "little")
    # Valkey writes its own name from version 80 on, and Redis's before.
    return b"VALKEY%03d" % version if engine == "valkey" and version >= 80 else b"REDIS%04d" % version


class RdbWriter:
    """Writes one file: what it says of itself, functions, then keys database by database, then its end."""

    def __init__(self, file: BinaryIO, *, magic: bytes) -> None:
        self._file = file
        self._checksum = 0
        self._write(magic)

    def aux(self, name: bytes, value: bytes) -> None:
        """Write what the file says of itself, such as redis-ver."""
        self._write(b"%c%b%b" % (format.AUX, string(name), string(value)))

    def functions(self, dumped: bytes) -> None:
        """Write what FUNCTION DUMP gave: the libraries, as they stand in a file."""
        self._write(dumped[:-_FOOTER_BYTES])

    def select(self, database: int) -> None:
        """Say which database the keys that follow are of."""
        self._write(b"%c%b" % (format.SELECT, _length(database)))

    def key(self, key: bytes, *, payload: bytes, expires_at_ms: int = 0) -> None:
        """Write a key and what DUMP gave for it; 0: it never expires."""
        expiry = b"%c%b" % (format.EXPIRES_MS, expires_at_ms.to_bytes(_MS_BYTES, "little")) if expires_at_ms else b""
        self._write(b"%b%c%b" % (expiry, payload[0], string(key)))
        self._write(memoryview(payload)[1:-_FOOTER_BYTES])

    def end(self) -> None:
        """Write the end and the checksum."""
        self._write(b"%c" % format.EOF)
        self._file.write(self._checksum.to_bytes(8, "little"))

    def _write(self, data: bytes | memoryview) -> None:
        self._checksum = crc64(data, after=self._checksum)
        self._file.write(data)


def string(text: bytes) -> bytes:
    """Return a string as the format writes it, uncompressed."""
    return _length(len(text)) + text


def _length(number: int) -> bytes:
    if number < 1 << 6:
        return b"%c" % number
    if number < 1 << 14:
        return (number | 1 << 14).to_bytes(2, "big")
    if number < 1 << 32:
        return b"\x80" + number.to_bytes(4, "big")
    return b"\x81" + number.to_bytes(8, "big")
