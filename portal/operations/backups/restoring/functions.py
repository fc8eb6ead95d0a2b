"""Function libraries of a file, as FUNCTION RESTORE takes them; and those before a restore, to go back to.

They belong to a server, not to a database: no exchange takes them along. So they are kept as a key beside the old data.
"""

from collections.abc import Iterable

import redis

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import crc64
from portal.operations.backups.rdb.write import string
from portal.operations.backups.restoring.errors import CannotRestore
from portal.operations.backups.restoring.swapping import Exchange
from portal.operations.backups.restoring.target import Target

_VERSION = 10
_KEY = "portal:functions-before-restore:{name}"


def functions_payload(libraries: Iterable[bytes]) -> bytes:
    """Return the payload of FUNCTION RESTORE for the source texts of libraries."""
    body = b"".join(b"%c%b" % (format.FUNCTION, string(library)) for library in libraries)
    body += _VERSION.to_bytes(2, "little")
    return body + crc64(body).to_bytes(8, "little")


def keep_functions(target: Target, *, exchange: Exchange) -> None:
    """Keep the libraries beside the old data, which is in the spare databases. Raises redis.RedisError."""
    dumped = target.server.execute_command("FUNCTION DUMP")
    for spare in exchange.spare_of.values():
        target.database(spare).set(_KEY.format(name=exchange.name), dumped)


def take_functions_back(target: Target, *, exchange: Exchange) -> None:
    """Have the server's libraries be those that were kept, if any were. Raises CannotRestore."""
    key = _KEY.format(name=exchange.name)
    try:
        kept = {target.database(spare).get(key) for spare in exchange.spare_of.values()} - {None}
        for dumped in kept:
            target.server.execute_command("FUNCTION RESTORE", dumped, "FLUSH")
    except redis.RedisError as error:
        raise CannotRestore(f"The old functions could not be taken back: {error}. Try again.") from error


def forget_functions(target: Target, *, exchange: Exchange) -> None:
    """Take the key away from the old data, which is live again. Raises CannotRestore."""
    try:
        for live in exchange.spare_of:
            target.database(live).delete(_KEY.format(name=exchange.name))
    except redis.RedisError as error:
        raise CannotRestore(f"The old data is live again, and not all is tidied: {error}. Try again.") from error
