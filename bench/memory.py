"""What one counted client costs in Redis: `used_memory` over many clients of one fixed window, divided by them."""

import ipaddress
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import redis

from bench import stage
from bench.children import Child
from bench.report import Goal, Row, Table, at_most

CLIENTS, BATCH = 100_000, 1_000
FIRST_ADDRESS = int(ipaddress.IPv4Address("100.64.0.0"))
SETTLED_SECONDS = 0.5
POLICY = "login"

Count = Callable[[list[str]], object]


def run(folder: Path, tell: Callable[[str], None]) -> list[Table]:
    """Count all the clients, ours and the peers' at once, each in a Redis of its own, and return the figures."""
    libraries = {
        "ours": _ours,
        "plain django-ratelimit": _peer("plain_ratelimit.py"),
        "limits": _peer("limits_library.py"),
    }
    tell(f"counting {CLIENTS:,} clients in {len(libraries)} libraries")
    with ThreadPoolExecutor(len(libraries)) as threads:
        found = threads.map(
            lambda name: _bytes_a_client(folder.with_name(name.replace(" ", "-")), libraries[name]), libraries
        )
        figures = dict(zip(libraries, found, strict=True))
    goals: dict[str, tuple[Goal, ...]] = {"ours": (at_most(figures["ours"], 135, unit="bytes"),)}
    rows = [
        Row(name, (f"{figure:.0f}", f"{figure / figures['plain django-ratelimit']:.2f}"), goals.get(name, ()))
        for name, figure in figures.items()
    ]
    method = f"used_memory of Redis 7.0 over {CLIENTS:,} IPv4 clients, fixed window of an hour"
    return [Table("One counted client in Redis", method, ("bytes", "× plain"), rows)]


def _bytes_a_client(folder: Path, begin: Callable[[stage.Stage], Count]) -> float:
    with stage.stage(folder) as on, redis.Redis.from_url(on.redis.url) as client:
        count = begin(on)
        count([_address(CLIENTS)])
        before = _settled(client)
        for batch in _batches():
            count(batch)
        return (_settled(client) - before) / CLIENTS


def _ours(on: stage.Stage) -> Count:
    site = on.site("site")
    operator = on.children.ours("bench.ours.operator", environment=site)
    # No counter may end while others are made.
    operator.ask("save", POLICY, {"rates": "5 per hour"})
    decider = on.children.ours("bench.ours.decider", environment=site)
    return lambda addresses: decider.ask("count", POLICY, addresses)


def _peer(script: str) -> Callable[[stage.Stage], Count]:
    def begin(on: stage.Stage) -> Count:
        child: Child = on.children.peer(script, on.redis.url)
        return lambda addresses: child.ask("count", addresses)

    return begin


def _batches() -> Iterator[list[str]]:
    for first in range(0, CLIENTS, BATCH):
        yield [_address(number) for number in range(first, first + BATCH)]


def _address(number: int) -> str:
    return str(ipaddress.IPv4Address(FIRST_ADDRESS + number))


def _settled(client: "redis.Redis") -> int:
    """Return the memory in use once it no longer changes: Redis still grows its tables, and we write our tallies."""
    last, used = 0, _used(client)
    while abs(used - last) > CLIENTS // 100:
        time.sleep(SETTLED_SECONDS)
        last, used = used, _used(client)
    return used


def _used(client: "redis.Redis") -> int:
    return int(client.info("memory")["used_memory"])
