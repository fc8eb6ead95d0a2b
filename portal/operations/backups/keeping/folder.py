"""Backups in a folder of this machine."""

import errno
import os
import stat
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage

from portal.operations.backups.keeping.durable import durable_file


class DurableFolderStorage(FileSystemStorage):
    """A storage whose files are private, and there after a crash: each is written aside, synced, then renamed.

    As in an object store, a name that is saved again is replaced, and a folder goes with its last file.
    """

    def __init__(self, location: str | Path | None = None) -> None:
        super().__init__(
            location=location, file_permissions_mode=0o600, directory_permissions_mode=0o700, allow_overwrite=True
        )

    def _open(self, name: str, mode: str = "rb") -> File[Any]:
        """Open a file of our own to be read: a link may lead anywhere, and a pipe never comes to an end."""
        if mode != "rb":
            raise ValueError(mode)
        handle = os.open(self.path(name), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            os.close(handle)
            raise OSError(errno.EINVAL, "It is no ordinary file", name)
        return File(os.fdopen(handle, "rb"), name)

    def _save(self, name: str, content: File[Any]) -> str:
        with durable_file(Path(self.path(name))) as file:
            for chunk in content.chunks():
                file.write(chunk)
        return name

    def delete(self, name: str) -> None:
        """Remove a file, and the folder that it leaves empty."""
        super().delete(name)
        folder = Path(self.path(name)).parent
        if folder != Path(self.location):
            # Other files keep it.
            with suppress(OSError):
                folder.rmdir()
