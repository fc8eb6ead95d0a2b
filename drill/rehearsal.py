"""One drill from beginning to end."""

import time
from dataclasses import dataclass
from pathlib import Path

import redis

from drill.differences import alive_keys, differences
from drill.filling import fill
from drill.findings import OVERRIDES, POLICIES, Found, find
from drill.server import Server, ready_server
from drill.site import Site
from drill.telling import Failed, say, step
from portal.operations.backups.proving.binaries import Binary

_NAMED_MAX = 20


@dataclass(frozen=True, slots=True)
class Drilled:
    """What came back, and the seconds from the loss until it had."""

    seconds: float
    keys: int
    functions: int
    policies: int
    overrides: int

    def __str__(self) -> str:
        return (
            f"Back again after {self.seconds:.1f} s: {self.keys:,} keys equal, {self.functions} function libraries "
            f"equal, {self.policies} policies equal, {self.overrides} overrides equal."
        )


def rehearse(binary: Binary, *, folder: Path, is_encrypted: bool) -> Drilled:
    """Fill a site and its server, back up, destroy both, bring both back, and compare. Raises Failed."""
    site = Site(folder, is_encrypted=is_encrypted)
    site.begin_anew()
    with ready_server(binary, address=site.address, folder=site.var / "redis") as server:
        before = _filled(site, server=server, binary=binary)
        with step("manage.py redis_backup"):
            told = site.manage("redis_backup")
        say(f"    {told.splitlines()[-1]}")
        _destroy(site, server=server)
        seconds = _bring_back(site, server=server)
        after = _restarted(site, server=server, binary=binary)
    return _compared(before, after=after, seconds=seconds)


def _filled(site: Site, *, server: Server, binary: Binary) -> Found:
    with step("A server with AOF, as `make run` configures it, and a database"):
        server.start()
        site.manage("migrate", "--verbosity", "0")
    with step("Filled with keys of every type, functions, policies, overrides"):
        site.module("drill.policies")
        fill(site.address.url)
        return _found(site, binary=binary)


def _destroy(site: Site, *, server: Server) -> None:
    with step("DESTROYED: kill -9; its files deleted, and the database too"):
        server.kill()
        site.begin_anew()


def _bring_back(site: Site, *, server: Server) -> float:
    """Return the seconds that it took."""
    began = time.monotonic()
    with step("An empty server, an empty database"):
        server.start()
        _demand_empty(site)
        site.manage("migrate", "--verbosity", "0")
    with step("manage.py redis_restore latest --policies"):
        site.manage("redis_restore", "latest", "--policies", *site.opening)
    with step("manage.py redis_restore latest --whole"):
        told = site.manage("redis_restore", "latest", "--whole", *site.opening)
    seconds = time.monotonic() - began
    say(f"    {told.splitlines()[-1]}")
    with step("manage.py policies sync --check (their keys are written anew)"):
        site.manage("policies", "sync", "--check")
    with step("manage.py redis_restore --drop-old"):
        site.manage("redis_restore", "--drop-old")
    return seconds


def _demand_empty(site: Site) -> None:
    with redis.Redis.from_url(site.address.url) as client:
        if client.info("keyspace") or site.database.exists():
            raise Failed("There is something left of what was destroyed, so that nothing can be shown.")


def _restarted(site: Site, *, server: Server, binary: Binary) -> Found:
    with step("Stopped and started once more: what came back is on its disk"):
        server.stop()
        server.start()
    with step("Compared, key by key and row by row"):
        return _found(site, binary=binary)


def _found(site: Site, *, binary: Binary) -> Found:
    return find(site.address.url, is_valkey=binary.engine == "valkey", database=site.database)


def _compared(before: Found, *, after: Found, seconds: float) -> Drilled:
    now_ms = int(time.time() * 1000)
    if found := differences(before, after=after, now_ms=now_ms):
        more = f"\n  and {len(found) - _NAMED_MAX:,} more." if len(found) > _NAMED_MAX else ""
        raise Failed("Not everything came back as it was:\n  " + "\n  ".join(found[:_NAMED_MAX]) + more)
    return Drilled(
        seconds,
        keys=alive_keys(after, now_ms=now_ms),
        functions=len(after.functions),
        policies=len(after.rows[POLICIES]),
        overrides=len(after.rows[OVERRIDES]),
    )
