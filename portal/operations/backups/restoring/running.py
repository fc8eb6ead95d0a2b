"""Whether a server still uses a folder: what is put there under a running one is overwritten when it stops."""

import os
import re
import socket
from collections.abc import Iterator
from pathlib import Path

from portal.operations.backups.restoring.server_files import ServerFiles

_PROC = Path("/proc")
_SERVERS = re.compile(r"redis|valkey|keydb|dragonfly", re.IGNORECASE)
_PATIENCE_SECONDS = 1.0
_Identity = tuple[int, int]


def who_runs(files: ServerFiles) -> str:
    """Return what still runs on a server's files, such as `process 12 (redis-server)`; '' for nothing that is seen."""
    return _listener(files) or _process(files)


def _listener(files: ServerFiles) -> str:
    # A server whose files are on this machine listens on it too; its folder may be a container's.
    if files.port and _answers(socket.AF_INET, ("127.0.0.1", files.port)):
        return f"a server on port {files.port}"
    if files.socket_path and _answers(socket.AF_UNIX, files.socket_path):
        return f"a server on {files.socket_path}"
    return ""


def _answers(family: socket.AddressFamily, address: tuple[str, int] | str) -> bool:
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PATIENCE_SECONDS)
        try:
            probe.connect(address)
        except OSError:
            return False
        return True


def _process(files: ServerFiles) -> str:
    """Find a server that works in the folder, or anybody who has one of its files open; files by what they are."""
    folder = _identity(files.folder)
    inside = {_identity(path) for path in _files_of(files)}
    for process in _processes():
        name = _name(process)
        works_there = bool(_SERVERS.search(name)) and _identity(process / "cwd") == folder
        if works_there or inside & set(_opened(process)):
            return f"process {process.name} ({name})"
    return ""


def _files_of(files: ServerFiles) -> Iterator[Path]:
    for folder in (files.folder, files.aof_folder):
        if folder.is_dir():
            yield from (path for path in folder.iterdir() if path.name.endswith((".rdb", ".aof", ".manifest")))


def _processes() -> Iterator[Path]:
    own = str(os.getpid())
    if _PROC.is_dir():
        yield from (path for path in _PROC.iterdir() if path.name.isdigit() and path.name != own)


def _opened(process: Path) -> Iterator[_Identity | None]:
    try:
        handles = list((process / "fd").iterdir())
    except OSError:
        return
    yield from (found for handle in handles if (found := _identity(handle)))


def _identity(path: Path) -> _Identity | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _name(process: Path) -> str:
    try:
        return (process / "comm").read_text().strip()
    except OSError:
        return ""
