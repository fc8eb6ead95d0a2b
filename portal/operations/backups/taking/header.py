"""What an RDB file says of itself in its first lines."""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from portal.operations.backups.manifest import ServerFacts
from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.cursor import AUX_BYTES_MAX, AUX_FIELDS_MAX, Cursor
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.taking.errors import CannotTake


@dataclass(frozen=True, slots=True)
class Header:
    """The fields before the first key; '', 0 or None for what is not told."""

    version: str
    """The server's."""
    began_at: datetime | None
    """When the snapshot began, by the server's clock, in whole seconds."""
    used_memory_bytes: int
    replication_id: str


def read_header(path: Path) -> Header:
    """Return what a file says of itself. Raises RdbError for another kind of file, OSError."""
    with path.open("rb") as file:
        cursor = Cursor(file)
        format.version_of(cursor.take(format.MAGIC_BYTES))
        told: dict[bytes, bytes] = {}
        while cursor.byte() == format.AUX and len(told) < AUX_FIELDS_MAX:
            name = cursor.string(most=AUX_BYTES_MAX)
            told[name] = cursor.string(most=AUX_BYTES_MAX)
    began = _number(told.get(b"ctime", b""), digits_max=11)
    return Header(
        version=(told.get(b"valkey-ver") or told.get(b"redis-ver", b"")).decode(errors="replace"),
        began_at=datetime.fromtimestamp(began, UTC) if began else None,
        used_memory_bytes=_number(told.get(b"used-mem", b""), digits_max=15),
        replication_id=told.get(b"repl-id", b"").decode(errors="replace"),
    )


def _number(text: bytes, *, digits_max: int) -> int:
    return int(text) if text.isdigit() and len(text) <= digits_max else 0


def checked_header(path: Path, *, facts: ServerFacts, replication: str = "") -> Header:
    """Return the header of what a server gave, of a replication (replid:offset) if that is known.

    Raises CannotTake when it is not that server's.
    """
    try:
        header = read_header(path)
    except RdbError as error:
        raise CannotTake(f"What came from {facts.place} is no RDB file, and is removed. {error}") from error
    if not _agree(header.version, facts.version) or not _agree(header.replication_id, replication.partition(":")[0]):
        raise CannotTake(
            f"The file is not from {facts.place}, but from another server ({header.version}), and is removed. "
            "Look at the address, and at where that server saves."
        )
    return header


def _agree(told: str, known: str) -> bool:
    return not (told and known) or told == known
