"""The whole server, offline: a plain file put where a stopped server reads it, and what it then loaded compared."""

import os
import shutil
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.manifest import Proof
from portal.operations.backups.proving.loaded import Differs, Loaded, account_for, read_loaded
from portal.operations.backups.proving.versions import can_load
from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.walk import Measured
from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed, reason_of
from portal.operations.backups.restoring.placing import aside, put_in_place
from portal.operations.backups.restoring.running import who_runs
from portal.operations.backups.restoring.server_files import ServerFiles
from portal.operations.backups.restoring.steps import refuse_replica


@dataclass(frozen=True, slots=True)
class Placed:
    """What was done to a server's folder. `kept` are the old files' new names; `warnings` are whole sentences."""

    dump: Path
    kept: tuple[Path, ...]
    warnings: tuple[str, ...] = ()


def carry_out(plain: Path, *, files: ServerFiles, now: datetime) -> Placed:
    """Put a plain file where a stopped server reads it at its start, and return what was kept of the old ones.

    For a server with AOF it is the base of a new one: beside an AOF a dump is not read, and without one the server
    would start empty. Raises CannotRestore before anything is changed: for a server that runs, that is too old for
    the file or a replica, for want of room or of rights.
    """
    warnings = refuse_too_old(plain, files=files)
    refuse_replica(files)
    _refuse_old_aof(files)
    _refuse_folder(plain, files=files, now=now)
    if runs := who_runs(files):
        raise CannotRestore(
            f"The server still runs: {runs} uses {files.folder}. Nothing was changed. "
            "Stop it first: it would overwrite what is put there."
        )
    try:
        kept = put_in_place(plain, files=files, now=now)
    except OSError as error:
        raise CannotRestore(
            f"The backup could not be put into {files.folder}: {error.strerror}. The old files are as they were."
        ) from error
    return Placed(dump=files.dump, kept=kept, warnings=warnings)


def verify(client: Any, *, expected: Measured | Proof, plain: Path) -> Loaded:
    """Return what a server loaded at the start that follows `carry_out`: loaded + expired = keys in the file.

    Raises RestoreFailed for anything else, and for a server that cannot be asked.
    """
    try:
        loaded = read_loaded(client)
        _require_some(loaded, expected=expected)
        return account_for(loaded, expected=expected, path=plain)
    except Differs as error:
        raise RestoreFailed(
            f"FAILED: the server does not hold the backup. {error} Stop it without saving (SHUTDOWN NOSAVE); "
            "the old files are still there, named *.before-restore-*."
        ) from error
    except redis.RedisError as error:
        raise RestoreFailed(
            f"FAILED: whether the restore worked is not known, for the server cannot be asked: {reason_of(error)}. "
            "Look at its log."
        ) from error


def refuse_too_old(plain: Path, *, files: ServerFiles) -> tuple[str, ...]:
    """Return warnings. Raises CannotRestore when a server is known to refuse a file, or the file is no RDB file."""
    with plain.open("rb") as file:
        magic = file.read(format.MAGIC_BYTES)
    try:
        is_able = can_load(magic, engine=files.engine, version=files.version)
    except RdbError as error:
        raise CannotRestore(f"{plain.name} is no backup of Redis. {error} Nothing was changed.") from error
    if not files.version:
        return ("The server's version is not known: if it is older than the one backed up, it will not start.",)
    if not is_able:
        raise CannotRestore(
            f"{files.engine} {files.version} cannot load this backup, a file of {magic.decode()}: it is too old for "
            "it, or another engine. Nothing was changed. Restore it online, key by key, or into a newer server."
        )
    return ()


def _require_some(loaded: Loaded, *, expected: Measured | Proof) -> None:
    if expected.keys and not (loaded.loaded or loaded.expired or loaded.keyspace):
        raise Differs(
            f"It started EMPTY, and {expected.keys:,} keys are in the file: it reads another folder or file name, or "
            "has an AOF where none was expected (CONFIG GET dir dbfilename appendonly)."
        )


def _refuse_old_aof(files: ServerFiles) -> None:
    if files.has_aof and not files.has_aof_folder:
        raise CannotRestore(
            f"{files.engine} {files.version} writes its AOF in the old way, which takes two starts. "
            "Nothing was changed. Follow the printed steps."
        )


def _refuse_folder(plain: Path, *, files: ServerFiles, now: datetime) -> None:
    if not files.folder.is_dir():
        raise CannotRestore(f"{files.folder} is no folder. Nothing was changed. Is it the server's `dir`?")
    if os.geteuid() not in (0, files.folder.stat().st_uid):
        raise CannotRestore(
            f"{files.folder} belongs to another user, who could not read what we put there. Nothing was changed. "
            f"Run this as {files.folder.owner()} or as root."
        )
    size, free = plain.stat().st_size, shutil.disk_usage(files.folder).free
    if size > free:
        raise CannotRestore(
            f"The backup takes {size / 1e6:,.0f} MB, and {files.folder} has {free / 1e6:,.0f} MB free. "
            "Nothing was changed. Make room there."
        )
    for path in (files.dump, files.aof_folder, files.old_aof):
        if aside(path, now=now).exists():
            raise CannotRestore(f"{aside(path, now=now)} is there already. Nothing was changed. Try again in a second.")
