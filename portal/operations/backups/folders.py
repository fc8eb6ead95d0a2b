"""Private folders, none of which stays: what a killed process left, the next one removes."""

import contextlib
import fcntl
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from django.conf import settings

_PREFIX = "portal-work-"
_YOUNG_SECONDS = 60.0
"""Between its making and its locking a folder belongs to somebody too."""
_PATH_BYTES_MAX = 60
"""A Unix socket's path must stay under 108 bytes."""


@contextmanager
def private_folder(place: Path) -> Iterator[Path]:
    """Give a folder within `place` that only we may enter, and remove it with all that is in it."""
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    remove_abandoned(place)
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=place))
    try:
        with _locked(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def working_folder() -> AbstractContextManager[Path]:
    """Give a folder for plain files of backups, on the disk of this site's state."""
    return private_folder(settings.VAR / "backup-work")


def scratch_folder() -> AbstractContextManager[Path]:
    """Give a folder whose path is short enough for a Unix socket in it."""
    return private_folder(_short_place())


def remove_abandoned(place: Path) -> None:
    """Remove our own folders whose process has ended: its lock on them ended with it."""
    for folder in place.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):
            found = folder.lstat()
            is_ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid()
            if is_ours and time.time() - found.st_mtime > _YOUNG_SECONDS:
                with _locked(folder):
                    shutil.rmtree(folder, ignore_errors=True)


def _short_place() -> Path:
    place = tempfile.gettempdir()
    return Path(place if len(os.fsencode(place)) <= _PATH_BYTES_MAX else "/tmp")  # noqa: S108 (mkdtemp keeps it private)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)
