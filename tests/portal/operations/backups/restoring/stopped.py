"""Servers that are restored offline, and what they hold."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.walk import Measured, measure
from portal.operations.backups.restoring.server_files import ServerFiles
from tests.portal.operations.backups.servers import running

NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)
STAMP = "before-restore-20261129T031500Z"
KEEPING = {"dump": ("--save", "3600 1"), "aof": ("--appendonly", "yes")}
"""How a server keeps its data: by a dump, or by an AOF."""


@dataclass(frozen=True, slots=True)
class Backup:
    """A plain file, and what the server held that it was made of."""

    plain: Path
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Site:
    """A server that is restored: its program, its folder, how it keeps its data, and what it said of its files."""

    program: str
    folder: Path
    options: Sequence[str] = ()
    told: ServerFiles | None = None

    @property
    def files(self) -> ServerFiles:
        """What it said when it ran."""
        assert self.told
        return self.told

    @contextmanager
    def up(self) -> Iterator[Any]:
        """Run it; give a client."""
        with (
            running(self.folder, program=self.program, options=self.options) as server,
            redis.Redis.from_url(server.url) as client,
        ):
            yield client


def measured(plain: Path) -> Measured:
    """Return what is in a file."""
    with plain.open("rb") as file:
        return measure(file)


def contents(folder: Path) -> dict[str, bytes]:
    """Return all files beneath a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
