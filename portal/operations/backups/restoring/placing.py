"""Putting a plain file where a stopped server reads it at its start, the old files kept under other names."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

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
    with plain.open("rb") as source, _new_file(str(copy), folder=copy.parent) as file:
        shutil.copyfileobj(source, file, 1 << 20)


def _make_aof(aof: Path, *, files: ServerFiles, base: Path) -> None:
    shutil.rmtree(aof, ignore_errors=True)
    aof.mkdir(mode=0o700)
    handle = os.open(aof, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        # One file under two names: servers replace both, and change neither.
        os.link(base, base_name(files), dst_dir_fd=handle, follow_symlinks=False)
        with _new_file(manifest_name(files), folder=files.folder, within=handle) as manifest:
            manifest.write(AOF_MANIFEST.format(base=base_name(files)).encode())
        _give(handle, folder=files.folder, mode=0o770)
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def _new_file(path: str, *, folder: Path, within: int | None = None) -> Iterator[BinaryIO]:
    """Give a file that is new, becomes the server's own, and is written through to the disk.

    The folder is the server's, and we may be root: a link that lies there under the name must lead us nowhere.
    """
    with suppress(FileNotFoundError):
        os.unlink(path, dir_fd=within)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600, dir_fd=within)
    with os.fdopen(handle, "wb") as file:
        yield file
        file.flush()
        _give(handle, folder=folder, mode=0o660)
        os.fsync(handle)


def _give(handle: int, *, folder: Path, mode: int) -> None:
    """Make it the server's own: it belongs to whom the folder belongs."""
    if os.geteuid() == 0:
        owner = folder.stat()
        os.fchown(handle, owner.st_uid, owner.st_gid)
    os.fchmod(handle, mode)


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
