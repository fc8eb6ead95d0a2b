"""What is known of a backup: one immutable document, stored beside the data and after them.

A backup is what has a manifest. `notes` is what may change later: whether it is pinned, and what was proven since.
Whoever may write into the storage can write what he likes there: what is read is within the bounds of `Annotated`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

FORMAT = 1
Document = TypeVar("Document", "Manifest", "Notes")
Number = Annotated[int, Meta(ge=0, le=1 << 45)]
"""Of keys or bytes; sums of all that a document can hold still fit into a database."""
Seconds = Annotated[float, Meta(ge=0, le=1e9)]
Moment = Annotated[datetime, Meta(tz=True)]
_YEARS = range(1970, 9000)
"""Further away than these, arithmetic with time zones fails."""


class ManifestError(ValueError):
    """A document that is no manifest of ours, or of a format that this version does not know."""


class Method(StrEnum):
    """How the data left the server."""

    WIRE = "wire"
    """The replication stream: no shared disk, one moment in time."""
    BGSAVE = "bgsave"
    """The server's own dump file, taken over by a hard link: one moment in time."""
    LOGICAL = "logical"
    """SCAN, DUMP and expiry, key by key: every key is whole, but each of another moment."""


class Level(IntEnum):
    """How far a backup was proven; each level holds those below."""

    NONE = 0
    STORED = 1
    """Stored whole: size and SHA-256."""
    WELL_FORMED = 2
    """Structure and CRC64 of the plain file."""
    LOADS = 3
    """A scratch server loaded it: loaded + expired = keys in the file."""
    RESTORED = 4
    """It was restored into a named target, and compared."""


@dataclass(frozen=True, slots=True)
class Digest:
    """Size and SHA-256 (hex) of a file."""

    size_bytes: Number
    sha256: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The server that the data came from, at the time. `place` is host:port or a socket's path."""

    place: str
    role: str
    engine: str
    version: str
    run_id: str = ""
    replication: str = ""
    """replid:offset, of the replication stream."""
    used_memory_bytes: Number = 0


@dataclass(frozen=True, slots=True)
class KeyCount:
    """The keys of one database, and how many of them have an expiry."""

    database: Number
    keys: Number
    expiring: Number


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proven of a plain file, when and by what. `warnings` are whole sentences."""

    level: Level
    at: Moment
    counts: tuple[KeyCount, ...] = ()
    functions: Number = 0
    rdb_version: str = ""
    """The file's first nine bytes, such as REDIS0010 or VALKEY080."""
    is_checksummed: bool = True
    """False: the server wrote no CRC64 (rdbchecksum no)."""
    loaded: Number = 0
    expired: Number = 0
    verifier: str = ""
    """The scratch server, such as `valkey 9.1.2`; '' when none loaded it."""
    is_loadable_here: bool = True
    """False: no server on the machine that proved it can load its version, or its modules' values."""
    warnings: tuple[str, ...] = ()

    @property
    def keys(self) -> int:
        """All keys in the file."""
        return sum(count.keys for count in self.counts)


@dataclass(frozen=True, slots=True)
class Part:
    """One server's data. `file` is its name in the storage, beneath the backup's own folder."""

    name: str
    file: str
    method: Method
    server: ServerFacts
    taken_at: Moment
    seconds: Seconds
    plain: Digest
    stored: Digest
    proof: Proof
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Truth:
    """The export of policies, overrides and revisions from the database, stored as the parts are."""

    file: str
    plain: Digest
    stored: Digest
    policies: Number
    overrides: Number
    revisions: Number


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup. `name` is its folder in the storage: <source>-<UTC slot>, such as redis-20261129T031500Z."""

    name: str
    source: Annotated[str, Meta(max_length=50)]
    began_at: Moment
    seconds: Seconds
    codec: Annotated[str, Meta(max_length=30)]
    """What the stored files went through, in order: `zstd`, or `zstd+age`."""
    parts: tuple[Part, ...]
    truth: Truth | None = None
    recipient: Annotated[str, Meta(max_length=100)] = ""
    """The age public key that the files are encrypted to; '' for none."""
    prefixes: tuple[str, ...] = ()
    """Only keys that begin with one of these were taken; none: all."""
    origin: Annotated[str, Meta(max_length=50)] = ""
    """Why it was made: `schedule`, `by hand`, `before restore`."""
    warnings: tuple[str, ...] = ()
    format: Number = FORMAT

    @property
    def level(self) -> Level:
        """The level that all of its parts reached before it was published."""
        return min((part.proof.level for part in self.parts), default=Level.NONE)

    @property
    def keys(self) -> int:
        """The keys of all parts."""
        return sum(part.proof.keys for part in self.parts)

    @property
    def plain_bytes(self) -> int:
        """The size of all plain files."""
        return sum(part.plain.size_bytes for part in self.parts)

    @property
    def stored_bytes(self) -> int:
        """What it takes in the storage, without the manifest."""
        return sum(part.stored.size_bytes for part in self.parts) + (self.truth.stored.size_bytes if self.truth else 0)

    @property
    def is_encrypted(self) -> bool:
        """Say whether this host cannot read it without an identity."""
        return bool(self.recipient)


@dataclass(frozen=True, slots=True)
class Notes:
    """What changes after a backup was published, in a document of its own beside the manifest."""

    is_pinned: bool = False
    proven: tuple[Proof, ...] = ()
    """Later proofs, oldest first."""
    failed_at: Moment | None = None
    """When a later proof failed; None once it was proven anew."""
    failure: str = ""

    def with_proof(self, proof: Proof) -> "Notes":
        """Return the notes with one proof more; the newest ten are kept."""
        return replace(self, proven=(*self.proven, proof)[-10:], failed_at=None, failure="")


def manifest_document(manifest: Manifest) -> bytes:
    """Return the manifest as JSON for people and programs."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"


def read_manifest(document: bytes) -> Manifest:
    """Return what a document says. Raises ManifestError."""
    return _read(document, kind=Manifest)


def notes_document(notes: Notes) -> bytes:
    """Return the notes as JSON."""
    return msgspec.json.format(msgspec.json.encode(notes), indent=1) + b"\n"


def read_notes(document: bytes) -> Notes:
    """Return what a document says. Raises ManifestError."""
    return _read(document, kind=Notes)


def _read(document: bytes, *, kind: type[Document]) -> Document:
    try:
        found = msgspec.json.decode(document, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ManifestError(f"This is no {kind.__name__.lower()} of a backup: {error}.") from error
    if isinstance(found, Manifest) and found.format != FORMAT:
        raise ManifestError(f"This is a manifest of format {found.format}; this version reads {FORMAT}.")
    if wrong := [moment for moment in _moments(found) if moment.year not in _YEARS]:
        raise ManifestError(f"It tells of the year {wrong[0].year}.")
    return found


def _moments(found: Manifest | Notes) -> Iterator[datetime]:
    if isinstance(found, Manifest):
        yield found.began_at
        yield from (moment for part in found.parts for moment in (part.taken_at, part.proof.at))
    else:
        yield from (proof.at for proof in found.proven)
        if found.failed_at:
            yield found.failed_at
