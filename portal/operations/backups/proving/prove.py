"""The proof of a plain RDB file, level by level."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import redis

from portal.operations.backups.manifest import Level, Proof
from portal.operations.backups.proving.loaded import Differs, account_for, read_loaded, require_keyspace
from portal.operations.backups.proving.scratch import Hindered, LoadFailed, NoServer, scratch_server
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.walk import Measured, measure

_DIGITS_MAX = 15
_MEMORY_FOR_FILE = 4
"""How many times its own size a file takes in memory, where it does not tell."""
_UNCHECKED = (
    "The server wrote it without a checksum (rdbchecksum no): a value that was changed afterwards is not noticed. "
    "Set rdbchecksum yes there."
)
_WHAT_TO_DO = "It is no backup. Take a new one; if that fails too, look at the server's memory and disks."


class NotProven(Exception):
    """The file is no backup; the message says what is wrong, and what to do."""


def prove(path: Path, *, now: datetime, progress: Callable[[int], None] = lambda offset: None) -> Proof:
    """Return how far a file was proven: LOADS, or WELL_FORMED with a warning where no server here can load it, or did.

    The file is read, never written. `progress` hears of the bytes that were checked. Raises NotProven.
    """
    measured = _measured(path, progress=progress)
    proof = Proof(
        level=Level.WELL_FORMED,
        at=now,
        counts=measured.counts,
        functions=measured.functions,
        rdb_version=measured.magic.decode(),
        is_checksummed=measured.is_checksummed,
        warnings=tuple(_warnings(measured)),
    )
    try:
        return _loads(proof, path=path, needed_bytes=_needed_bytes(measured))
    except NoServer as error:
        is_loadable = isinstance(error, Hindered)
        return replace(proof, is_loadable_here=is_loadable, warnings=(*proof.warnings, str(error)))
    except (redis.RedisError, OSError) as error:
        # A disk that is full, a server that was ended: nothing of the file's own.
        warning = f"Whether it loads was not found out: {error}. Prove it again."
        return replace(proof, warnings=(*proof.warnings, warning))
    except (LoadFailed, Differs, RdbError) as error:
        raise NotProven(f"{path.name} did not load: {error} {_WHAT_TO_DO}") from error


def _measured(path: Path, *, progress: Callable[[int], None]) -> Measured:
    try:
        with path.open("rb") as file:
            return measure(file, progress=progress)
    except RdbError as error:
        raise NotProven(f"{path.name} is not well formed. {error} {_WHAT_TO_DO}") from error
    except OSError as error:
        raise NotProven(f"{path} cannot be read: {error.strerror}. Is it there, and may this user read it?") from error


def _loads(proof: Proof, *, path: Path, needed_bytes: int) -> Proof:
    with scratch_server(path, needed_bytes=needed_bytes) as scratch:
        with redis.Redis.from_url(scratch.address.url, socket_timeout=60) as client:
            loaded = account_for(read_loaded(client), expected=proof, path=path)
        require_keyspace(loaded, expected=proof)
        return replace(
            proof,
            level=Level.LOADS,
            loaded=loaded.loaded,
            expired=loaded.expired,
            verifier=str(scratch),
        )


def _warnings(measured: Measured) -> list[str]:
    warnings = [] if measured.is_checksummed else [_UNCHECKED]
    if not measured.keys:
        warnings.append("There is no key in it: the server was empty.")
    return warnings


def _needed_bytes(measured: Measured) -> int:
    told = measured.aux.get(b"used-mem", b"")
    return int(told) if told.isdigit() and len(told) <= _DIGITS_MAX else _MEMORY_FOR_FILE * measured.size_bytes
