"""Getting files back: whole and unchanged, or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from portal.operations.backups.keeping.codec import Progress, unpack
from portal.operations.backups.keeping.exceptions import CannotUnpack, NotWhole, WrongIdentity, reaching, words
from portal.operations.backups.keeping.hashing import HashedReader, HashedWriter, Reads, Writes
from portal.operations.backups.keeping.kept import Kept, Stored, stored_files
from portal.operations.backups.keeping.shelf import Shelf

_UNTOLD: Progress = lambda done, total: None  # noqa: E731 - a progress that nobody hears of
_WHAT_TO_DO = "Do not restore from it: bring the file back from a copy, or use another backup."


def check_stored(kept: Kept, *, shelf: Shelf, progress: Progress = _UNTOLD) -> None:
    """Read every stored file; require its size and SHA-256. Raises NotWhole, which names the file, or CannotReach."""
    for stored in stored_files(kept.manifest):
        with _stored_reader(kept, stored=stored, shelf=shelf, progress=progress) as reader:
            _require_as_stored(reader, stored=stored, place=f"{kept.name}/{stored.file}")


def fetch_plain(
    kept: Kept,
    stored: Stored,
    *,
    folder: Path,
    shelf: Shelf,
    identity: Path | None = None,
    progress: Progress = _UNTOLD,
) -> Path:
    """Return a new private file in `folder` with the plain content of a part, or of the truth.

    What was stored and what came out of it have the digests of the manifest. The file is the caller's to remove.
    Raises NotWhole, CannotUnpack or CannotReach; then there is none.
    """
    if (free := shutil.disk_usage(folder).free) < stored.plain.size_bytes:
        raise CannotUnpack(
            f"{stored.file} cannot be unpacked in {folder}: it takes {stored.plain.size_bytes:,} bytes, and {free:,} "
            "are free. Make room there."
        )
    handle, path = tempfile.mkstemp(dir=folder, suffix=".plain")
    try:
        with (
            os.fdopen(handle, "wb") as file,
            _stored_reader(kept, stored=stored, shelf=shelf, progress=progress) as reader,
        ):
            _unpack_checked(reader, target=file, kept=kept, stored=stored, identity=identity)
    except OSError as error:
        Path(path).unlink(missing_ok=True)
        raise CannotUnpack(f"{stored.file} cannot be unpacked in {folder}: {words(error)}.") from error
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise
    return Path(path)


def _unpack_checked(reader: HashedReader, *, target: Writes, kept: Kept, stored: Stored, identity: Path | None) -> None:
    place = f"{kept.name}/{stored.file}"
    plain = HashedWriter(_AtMost(target, size_bytes=stored.plain.size_bytes))
    try:
        unpack(reader, target=plain, codec=kept.manifest.codec, identity=identity)
    except WrongIdentity:
        raise
    except CannotUnpack:
        # What was changed in the storage is told as that, not as what the codec made of it.
        _require_as_stored(reader, stored=stored, place=place)
        raise
    _require_as_stored(reader, stored=stored, place=place)
    if plain.digest != stored.plain:
        raise NotWhole(f"What {place} holds is not what was taken. {_WHAT_TO_DO}")


def _require_as_stored(reader: HashedReader, *, stored: Stored, place: str) -> None:
    found = reader.drain()
    if found.size_bytes > stored.stored.size_bytes:
        raise NotWhole(f"{place} has more than the {stored.stored.size_bytes} bytes that were stored. {_WHAT_TO_DO}")
    if found.size_bytes != stored.stored.size_bytes:
        raise NotWhole(f"{place} has {found.size_bytes} bytes instead of {stored.stored.size_bytes}. {_WHAT_TO_DO}")
    if found != stored.stored:
        raise NotWhole(f"{place} was changed: its SHA-256 is another. {_WHAT_TO_DO}")


@contextmanager
def _stored_reader(kept: Kept, *, stored: Stored, shelf: Shelf, progress: Progress) -> Iterator[HashedReader]:
    file = shelf.open_stored(kept, file=stored.file)
    source = _FromStorage(file, place=f"{kept.name}/{stored.file}", most_bytes=stored.stored.size_bytes + 1)
    try:
        yield HashedReader(source, progress=lambda done: progress(done, stored.stored.size_bytes))
    finally:
        file.close()


class _FromStorage:
    """Reads from a storage, whose own errors become CannotReach; no more than could be right, and one byte."""

    def __init__(self, source: Reads, *, place: str, most_bytes: int) -> None:
        self._source = source
        self._place = place
        self._left_bytes = most_bytes

    def read(self, size: int = -1, /) -> bytes:
        """Return up to `size` bytes."""
        with reaching(f"reading {self._place}"):
            data = self._source.read(self._left_bytes if size < 0 else min(size, self._left_bytes))
        self._left_bytes -= len(data)
        return data


class _AtMost:
    """Writes no more than was taken: a changed file may unfold without end."""

    def __init__(self, target: Writes, *, size_bytes: int) -> None:
        self._target = target
        self._left_bytes = size_bytes

    def write(self, data: bytes, /) -> int:
        """Write all of it. Raises CannotUnpack when it is too much."""
        self._left_bytes -= len(data)
        if self._left_bytes < 0:
            raise CannotUnpack(f"It holds more than was taken. {_WHAT_TO_DO}")
        return self._target.write(data)
