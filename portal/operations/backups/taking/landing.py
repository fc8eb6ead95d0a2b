"""Where the data lands: a `.part` file that becomes the file when it is whole, and is gone when anything failed."""

import errno
import hashlib
import os
import shutil
import stat
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

from portal.operations.backups.manifest import Digest
from portal.operations.backups.taking.errors import CannotTake

Progress = Callable[[int, int | None], None]
"""Hears how many bytes are done, of how many: None when nobody knows."""

CHUNK_BYTES = 1 << 20
_PRIVATE = 0o600
_PROGRESS_EVERY_SECONDS = 0.1
_RESERVE_BYTES = 256 * 1024 * 1024
_RESERVE_SHARE = 20
"""So much of a disk, or a twentieth of a small one, is left to others."""
LONGEST_SECONDS = 12 * 3600.0
"""What takes half a day never comes: a server that sends a byte now and then would keep us for good."""


class Landing:
    """A file in the making: what is written to it is counted and hashed on the way.

    As a context it takes the `.part` file away unless `finish()` was reached.
    """

    def __init__(self, path: Path, *, progress: Progress) -> None:
        self.path = path
        self.part = path.with_name(path.name + ".part")
        self.total_bytes: int | None = None
        """How many there will be, once somebody knows."""
        self.size_bytes = 0
        self._progress = progress
        self._told_at = 0.0
        self._ends_at = time.monotonic() + LONGEST_SECONDS
        self._hash = hashlib.sha256()
        self._file = -1

    def __enter__(self) -> "Landing":
        try:
            self.part.unlink(missing_ok=True)
            self._file = os.open(self.part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, _PRIVATE)
        except OSError as error:
            raise self._failure(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.part.unlink(missing_ok=True)
        os.close(self._file)

    def write(self, data: Any) -> int:
        """Write all of some bytes. Raises CannotTake when there is no room for them."""
        left = memoryview(data)
        size = len(left)
        try:
            while left:
                left = left[os.write(self._file, left) :]
        except OSError as error:
            raise self._failure(error) from error
        self._note(data, size)
        return size

    def adopt(self, source: Path) -> None:
        """Take over a file that nobody will change any more: by a hard link where that is private, else by a copy.

        Raises OSError when it cannot be read.
        """
        if self._links(source):
            self._read_through()
            return
        with source.open("rb") as file:
            self.total_bytes = os.fstat(file.fileno()).st_size
            shutil.copyfileobj(file, self, CHUNK_BYTES)

    def finish(self) -> Digest:
        """Have all of it on the disk under its name, and return its size and hash."""
        try:
            os.fsync(self._file)
            self.part.rename(self.path)
            _sync_folder(self.path.parent)
        except OSError as error:
            raise self._failure(error) from error
        self._progress(self.size_bytes, self.size_bytes)
        return Digest(self.size_bytes, self._hash.hexdigest())

    def waits(self) -> None:
        """Tell that nothing came as yet. Raises CannotTake when it takes for ever."""
        self._tell()

    def _links(self, source: Path) -> bool:
        if stat.S_IMODE(self.path.parent.stat().st_mode) & 0o077:
            # A link has the mode of its source, which is the server's to choose.
            return False
        linked = self.part.with_name(self.part.name + ".link")
        try:
            os.link(source, linked)
        except OSError:
            return False
        linked.replace(self.part)
        os.close(self._file)
        self._file = os.open(self.part, os.O_RDONLY | os.O_CLOEXEC)
        return True

    def _read_through(self) -> None:
        self.total_bytes = os.fstat(self._file).st_size
        buffer = memoryview(bytearray(CHUNK_BYTES))
        while size := os.readv(self._file, [buffer]):
            self._note(buffer[:size], size)

    def _note(self, data: Any, size: int) -> None:
        self._hash.update(data)
        self.size_bytes += size
        self._tell()

    def _tell(self) -> None:
        now = time.monotonic()
        if now > self._ends_at:
            raise CannotTake(
                f"It was not whole after {LONGEST_SECONDS / 3600:.0f} hours, and what there was of it is removed. "
                "Look at the server, and at the way to it."
            )
        if now - self._told_at >= _PROGRESS_EVERY_SECONDS:
            self._told_at = now
            self._demand_reserve()
            self._progress(self.size_bytes, self.total_bytes)

    def _demand_reserve(self) -> None:
        """Raise CannotTake before the disk is quite full: the site's own database may lie on it."""
        disk = shutil.disk_usage(self.path.parent)
        if disk.free < min(_RESERVE_BYTES, disk.total // _RESERVE_SHARE):
            raise CannotTake(
                f"The disk of {self.path.parent} is nearly full after {self.size_bytes:,} bytes of the backup; what "
                "there was of it is removed. Make room there, or keep fewer backups."
            )

    def _failure(self, error: OSError) -> CannotTake:
        folder = self.path.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return CannotTake(
                f"The disk of {folder} is full after {self.size_bytes:,} bytes of the backup; what there was of it "
                "is removed. Make room there, or keep fewer backups."
            )
        return CannotTake(f"{folder} cannot be written to: {error.strerror}. What there was of the backup is removed.")


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
