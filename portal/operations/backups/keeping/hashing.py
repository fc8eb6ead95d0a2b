"""Sizes and SHA-256 of what streams by."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from portal.operations.backups.manifest import Digest

CHUNK_BYTES = 256 * 1024


class Reads(Protocol):
    """What can be read piece by piece."""

    def read(self, size: int = -1, /) -> bytes: ...


class Writes(Protocol):
    """What can be written piece by piece."""

    def write(self, data: bytes, /) -> int: ...


def digest_of(path: Path) -> Digest:
    """Return the digest of a file."""
    with path.open("rb") as file:
        return HashedReader(file).drain()


class HashedReader:
    """Reads through to another file, and knows the digest of what came."""

    def __init__(self, source: Reads, *, progress: Callable[[int], None] | None = None) -> None:
        self._source = source
        self._progress = progress
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes; tell the progress how many came so far."""
        data = self._source.read(size)
        self._hash.update(data)
        self._size_bytes += len(data)
        if self._progress:
            self._progress(self._size_bytes)
        return data

    def drain(self) -> Digest:
        """Read to the end; return the digest of all that came."""
        while self.read(CHUNK_BYTES):
            pass
        return Digest(size_bytes=self._size_bytes, sha256=self._hash.hexdigest())


class HashedWriter:
    """Writes through to another file, and knows the digest of what went."""

    def __init__(self, target: Writes) -> None:
        self._target = target
        self._hash = hashlib.sha256()
        self._size_bytes = 0

    def write(self, data: bytes, /) -> int:
        """Write all of it."""
        self._target.write(data)
        self._hash.update(data)
        self._size_bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: who made the file flushes it."""

    @property
    def digest(self) -> Digest:
        """The digest of all that was written."""
        return Digest(size_bytes=self._size_bytes, sha256=self._hash.hexdigest())
