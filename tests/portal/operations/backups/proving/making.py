"""Files for proofs: from real servers, and by hand where no server writes such a one."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import redis

from portal.operations.backups.rdb.format import crc64
from tests.portal.operations.backups.servers import running

NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


def saved(client: Any) -> Path:
    """Have a server save what it holds; return the file."""
    client.save()
    settings = client.config_get("dir")
    return Path(settings["dir"]) / "dump.rdb"


def small_file(folder: Path, *, program: str, options: tuple[str, ...] = ()) -> Path:
    """Return a file of three keys and nothing that could expire."""
    with running(folder, program=program, options=options) as server, redis.Redis.from_url(server.url) as client:
        client.mset({"one": "first", "two": "second", "three": "third"})
        return saved(client)


def by_hand(path: Path, *, body: bytes) -> Path:
    """Write a file whose checksum is right, whatever it holds."""
    path.write_bytes(body + crc64(body).to_bytes(8, "little"))
    return path


def with_magic(path: Path, *, magic: bytes, of: Path) -> Path:
    """Write a copy of a file that tells of another version."""
    return by_hand(path, body=magic + of.read_bytes()[9:-8])
