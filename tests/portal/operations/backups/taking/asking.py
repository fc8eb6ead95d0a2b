"""Backing up one server, by its address."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from portal.operations.backups.manifest import Method
from portal.operations.backups.taking.choosing import Taken, take
from portal.operations.backups.taking.landing import Progress
from portal.operations.backups.taking.nodes import nodes
from portal.redis_address import parse_redis_address
from tests.servers import Server


def taken(url: str, *, folder: Path, method: Method | None = None, prefixes: Sequence[bytes] = ()) -> Taken:
    """Back up the one server at an address."""
    return take_with(url, folder=folder, method=method, prefixes=prefixes)


def take_with(
    url: str,
    *,
    folder: Path,
    method: Method | None = None,
    prefixes: Sequence[bytes] = (),
    progress: Progress = lambda done, total: None,
) -> Taken:
    """Back up the one server at an address, and say how it goes."""
    (node,) = nodes(parse_redis_address(url))
    return take(node, folder=folder, method=method, prefixes=prefixes, progress=progress)


def as_user(server: Server, client: Any, *rules: str) -> str:
    """Return the address for a user who may do what some ACL rules say, and nothing else."""
    client.execute_command("ACL", "SETUSER", "backup", "reset", "on", ">secret", "-@all", *rules)
    scheme, _, rest = server.url.partition("://")
    return f"{scheme}://backup:secret@{rest}"


def fill_with_noise(client: Any, *, megabytes: int) -> None:
    """Write that much, which does not compress, without sending it."""
    script = (
        "local seed = redis.sha1hex(ARGV[1]) local parts = {} "
        "for i = 1, 1638 do seed = redis.sha1hex(seed) parts[i] = seed end "
        "local text = table.concat(parts) for i = 1, 16 do redis.call('SET', ARGV[1] .. ':' .. i, text) end"
    )
    for number in range(megabytes):
        client.eval(script, 0, number)
