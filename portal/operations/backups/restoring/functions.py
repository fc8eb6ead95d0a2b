"""Function libraries of a file, as FUNCTION RESTORE takes them."""

from collections.abc import Iterable

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import crc64
from portal.operations.backups.rdb.write import string

_VERSION = 10


def functions_payload(libraries: Iterable[bytes]) -> bytes:
    """Return the payload of FUNCTION RESTORE for the source texts of libraries."""
    body = b"".join(b"%c%b" % (format.FUNCTION, string(library)) for library in libraries)
    body += _VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")
