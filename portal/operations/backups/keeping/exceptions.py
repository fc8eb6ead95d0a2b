"""What can go wrong with keeping backups, and the plain words for what storages and disks raise."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from portal.operations.backups.keeping.place import where_to_look


class KeepingError(Exception):
    """A failure in plain words."""


class CannotKeep(KeepingError):
    """The backup was not kept, and what was written of it was removed where that was possible."""


class CannotReach(KeepingError):
    """The storage refused, or did not answer."""


class NotWhole(KeepingError):
    """What is stored is not what was stored: a file is missing, cut or changed."""


class CannotUnpack(KeepingError):
    """A stored file cannot be opened: no identity or a wrong one, or it is cut or changed."""


class WrongIdentity(CannotUnpack):
    """The stored file may be whole, but no identity was given that opens it."""


@contextmanager
def reaching(doing: str) -> Iterator[None]:
    """Turn whatever the storage's library raises into CannotReach, which says what was being done."""
    try:
        yield
    except KeepingError:
        raise
    except Exception as error:  # Each storage has errors of its own, without a common base.
        raise CannotReach(f"The storage of backups failed while {doing}: {words(error)}. {where_to_look()}") from error


def words(error: BaseException) -> str:
    """Return an error's own words in one line, without a full stop."""
    if is_disk_full(error):
        return "the disk is full; make room there"
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename}" if error.filename else error.strerror
    text = str(error).strip().partition("\n")[0].rstrip(".")
    return text or type(error).__name__


def is_disk_full(error: BaseException) -> bool:
    """Say whether room is missing; an error that another library wrapped is known by its text."""
    full = (errno.ENOSPC, errno.EDQUOT)
    return getattr(error, "errno", None) in full or any(f"[Errno {number}]" in str(error) for number in full)
