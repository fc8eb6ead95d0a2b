"""Putting a plain file where a stopped server reads it at its start, the old files kept under other names."""

import os
import shutil
from datetime import UTC, datetime
from pathlib import Path

from portal.operations.backups.keeping.durable import sync_folder
from portal.operations.backups.restoring.server_files import ServerFiles

AOF_MANIFEST = "file {base} seq 1 type b\n"
"""An AOF of one file, which may be an RDB file (aof.c: `type b` is the base)."""
_KEPT = "{name}.before-restore-{now:%Y%m%dT%H%M%SZ}"


def aside(path: Path, *, now: datetime) -> Path:
    """Return the name under which an old file is kept; `now` is aware of its time zone."""
    return path.with_name(_KEPT.format(name=path.name, now=now.astimezone(UTC)))


def base_name(files: ServerFiles) -> str:
    """Return the name of an AOF's first base."""
    return f"{files.aof_name}.1.base.rdb"


def manifest_name(files: ServerFiles) -> str:
    """Return the name of the AOF's own list of its files."""
    return f"{files.aof_name}.manifest"


def put_in_place(plain: Path, *, files: ServerFiles, now: datetime) -> tuple[Path, ...]:
    """Put a file in place, as the dump and, for a server with AOF, as its base too; return what was kept.

    All is written through to the disk before an old file loses its name. Raises OSError, and all is as before.
    """
    copy = files.folder / f".{files.dump_name}.restoring"
    aof = files.folder / f".{files.aof_folder_name}.restoring"
    # An AOF that is off is kept too: what an older life left must not come back with it.
    old = [path for path in (files.dump, files.aof_folder, files.old_aof) if path.exists()]
    kept = [(path, aside(path, now=now)) for path in old]
    placed = [(aof, files.aof_folder), (copy, files.dump)] if files.has_aof else [(copy, files.dump)]
    try:
        _copy(plain, copy)
        if files.has_aof:
            _make_aof(aof, files=files, base=copy)
        _rename(kept + placed)
    except OSError:
        copy.unlink(missing_ok=True)
        shutil.rmtree(aof, ignore_errors=True)
        raise
    sync_folder(files.folder)
    return tuple(name for _, name in kept)


def _copy(plain: Path, copy: Path) -> None:
    with plain.open("rb") as source, copy.open("wb") as file:
        shutil.copyfileobj(source, file, 1 << 20)
        file.flush()
        os.fsync(file.fileno())
    _give(copy, folder=copy.parent, mode=0o660)


def _make_aof(aof: Path, *, files: ServerFiles, base: Path) -> None:
    shutil.rmtree(aof, ignore_errors=True)
    aof.mkdir()
    # One file under two names: servers replace both, and change neither.
    os.link(base, aof / base_name(files))
    manifest = aof / manifest_name(files)
    with manifest.open("w") as file:
        file.write(AOF_MANIFEST.format(base=base_name(files)))
        file.flush()
        os.fsync(file.fileno())
    _give(manifest, folder=files.folder, mode=0o660)
    _give(aof, folder=files.folder, mode=0o770)
    sync_folder(aof)


def _give(path: Path, *, folder: Path, mode: int) -> None:
    """Make it the server's own: it belongs to whom the folder belongs."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.chown(path, owner.st_uid, owner.st_gid)
    path.chmod(mode)


def _rename(moves: list[tuple[Path, Path]]) -> None:
    """Rename all, or none."""
    done: list[tuple[Path, Path]] = []
    try:
        for path, name in moves:
            path.rename(name)
            done.append((path, name))
    except OSError:
        for path, name in reversed(done):
            name.rename(path)
        raise
