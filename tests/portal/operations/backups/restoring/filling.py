"""Every type of value, with expiries, functions and several databases; and all that a server holds, to compare."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import redis

from portal.operations.backups.rdb.decode import Meaning, meaning
from portal.operations.backups.rdb.payload import split
from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.servers import FAR_MS
from tests.servers import Server

FUNCTIONS = "#!lua name=counting\nredis.register_function('one', function(keys, args) return 1 end)"
_DATABASES = range(16)
Contents = dict[tuple[int, bytes], tuple[int, Meaning]]
"""By database and key: when it expires, and what it means."""


@dataclass(frozen=True)
class Live:
    """A server that runs, and its databases' clients."""

    server: Server

    @property
    def address(self) -> RedisAddress:
        return parse_redis_address(self.server.url)

    def database(self, number: int = 0) -> Any:
        return redis.Redis.from_url(self.address.with_database(number).url)

    def save(self) -> None:
        """Have it write its file."""
        with self.database() as client:
            client.save()


def fill(live: Live) -> None:
    """Put something of every type into two databases, some of it with an expiry, and a function library."""
    for number in (0, 3):
        with live.database(number) as client:
            _fill(client)
    with live.database() as client:
        client.function_load(FUNCTIONS, replace=True)


def _fill(client: Any) -> None:
    for number in range(300):
        client.set(f"rl:{{login:{number}}}:60", number, px=86_400_000)
    client.set("text", "abc" * 5000)
    client.set("number", -12)
    client.set(b"12345", "a key that is a number")
    client.set(b"\xff\x00binary", hashlib.sha256(b"x").digest())
    client.rpush("list", *range(50))
    client.rpush("long list", *[f"item {number}" for number in range(5000)])
    client.rpush("list of large items", "small", bytes(100_000), "small")
    client.sadd("integers", *range(100))
    client.sadd("set", *[f"member {number}" for number in range(1000)])
    client.hset("hash", mapping={"a": 1, "b": "two"})
    client.hset("large hash", mapping={f"field {number}": f"value {number}" for number in range(1000)})
    client.zadd("scores", {"a": 1.5, "b": float("inf"), "c": -3})
    client.zadd("many scores", {f"member {number}": number / 7 for number in range(1000)})
    for number in range(200):
        client.xadd("stream", {"number": number})
    client.xgroup_create("stream", "group", "0")
    client.xreadgroup("group", "consumer", {"stream": ">"}, count=20)
    client.pexpireat("hash", FAR_MS)
    client.pfadd("hyperloglog", *range(100))
    client.geoadd("places", (16.37, 48.2, "Vienna"))


def contents(live: Live) -> Contents:
    """Return what each key of each database means, and when it expires."""
    return {(number, key): found for number in _DATABASES for key, found in _contents(live.database(number))}


def _contents(client: Any) -> Iterator[tuple[bytes, tuple[int, Meaning]]]:
    with client:
        for key in client.scan_iter(count=1000):
            found = split(client.dump(key))
            yield key, (client.pexpiretime(key), meaning(found.kind, value=found.value, is_valkey=found.version >= 80))
