"""What the drill's server is filled with: every type in every size, counters, a queue, several databases, functions."""

import contextlib
import time
from typing import Any

import redis

COUNTERS, ENDING_COUNTERS = 12_000, 200
ENDING_MS = 1_500
FAR_MS = 4_102_444_800_000
"""An expiry that no drill sees: the year 2100."""
_TYPES, _COUNTERS, _QUEUE, _OTHERS = 0, 1, 2, 7
_LIBRARY = "#!lua name={name}\nredis.register_function('{name}', function() return '{name}' end)"


def fill(url: str) -> None:
    """Fill an empty server."""
    with redis.Redis.from_url(url) as client:
        for database, fill_it in ((_TYPES, _types), (_COUNTERS, _counters), (_QUEUE, _queue), (_OTHERS, _others)):
            client.select(database)
            fill_it(client)
        for name in ("first", "second"):
            client.function_load(_LIBRARY.format(name=name))


def _types(client: Any) -> None:
    _strings(client)
    for size, number in (("few", 3), ("many", 2_000)):
        items = [f"item {item} " * 5 for item in range(number)]
        client.rpush(f"list:{size}", *items)
        client.sadd(f"set:{size}", *items)
        client.sadd(f"set:{size}:integers", *range(number))
        client.hset(f"hash:{size}", mapping=dict.fromkeys(items, "a value"))
        client.zadd(f"zset:{size}", {item: place / 3 for place, item in enumerate(items)})
    client.zadd("zset:odd", {"least": float("-inf"), "most": float("inf"), "near": -0.1})
    client.hset("hash:expiring", "field", 1)
    client.pexpireat("hash:expiring", FAR_MS)
    _expiring_fields(client)
    _stream(client)


def _strings(client: Any) -> None:
    client.mset({"text": "a text", "binary": bytes(range(256)), "integer": 123456, "negative": -7, "empty": b""})
    client.mset({"compressible": "again and " * 10_000, b"\x00an odd \xff key[": "odd"})
    client.setbit("bitmap", 10_000, 1)
    client.pfadd("hyperloglog", *range(1_000))
    client.set("expiring", "v", pxat=FAR_MS)


def _expiring_fields(client: Any) -> None:
    # Only newer servers know fields that expire.
    with contextlib.suppress(redis.ResponseError):
        client.execute_command("HPEXPIREAT", "hash:few", FAR_MS, "FIELDS", 1, "item 0 " * 5)


def _stream(client: Any) -> None:
    for number in range(250):
        client.xadd("stream", {"number": number, "text": "t" * 30}, id=f"{number + 1}-0")
    client.xgroup_create("stream", "group", id="0")
    client.xreadgroup("group", "reader", {"stream": ">"}, count=10)
    client.xack("stream", "group", "1-0")
    client.xdel("stream", "200-0")


def _counters(client: Any) -> None:
    """Counters as policies make them; some of them end before anything is brought back."""
    ends_ms = int(time.time() * 1000) + 3_600_000
    pipeline = client.pipeline(transaction=False)
    for number in range(COUNTERS):
        name = f"rl:{{login:198.{18 + number // 65_536}.{number // 256 % 256}.{number % 256}}}"
        pipeline.set(f"{name}:3600", number % 50 + 1, pxat=ends_ms + number)
    for number in range(ENDING_COUNTERS):
        pipeline.set(f"rl:{{search:203.0.113.{number}}}:1", 1, px=ENDING_MS)
    pipeline.execute()


def _queue(client: Any) -> None:
    client.lpush("celery", *(f'{{"task": {number}}}' for number in range(20)))
    client.hset("unacked", "tag", "a task")


def _others(client: Any) -> None:
    client.mset({f"other:{number}": number for number in range(100)})
