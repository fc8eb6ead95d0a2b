"""A site whose backups lie in a folder of the test's own, of servers of each kind."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis
from redis.cluster import RedisCluster

from portal import environment
from portal.operations.backups.rdb.decode import Meaning, meaning
from portal.operations.backups.rdb.payload import split
from portal.operations.backups.restoring.target import open_target
from portal.redis_address import RedisAddress, parse_redis_address
from tests.limits.cluster_and_sentinel.servers import Servers, start_cluster, start_sentinels, stop
from tests.portal.operations.backups.keeping.conftest import (  # fixtures are known where they are imported
    Identity,
    make_bucket,
    make_identity,
    s3_keys,
    s3_server,
)
from tests.portal.operations.backups.restoring.conftest import PROGRAMS, Start, start
from tests.portal.operations.backups.servers import FAR_MS
from tests.servers import wait_until

Contents = dict[tuple[int, bytes], tuple[int, Meaning]]


@dataclass(frozen=True)
class Site:
    """The servers that hold the data, whatever they are."""

    address: RedisAddress

    @property
    def databases(self) -> tuple[int, ...]:
        return (0,) if self.address.kind == "redis+cluster" else (0, 3)

    def contents(self) -> Contents:
        """Return what every key means, and when it expires."""
        found: Contents = {}
        with open_target(self.address) as target:
            for number in self.databases:
                client = target.database(number)
                for key in client.scan_iter(count=1000):
                    dumped = split(client.dump(key))
                    value = meaning(dumped.kind, value=dumped.value, is_valkey=dumped.version >= 80)
                    found[number, key] = client.pexpiretime(key), value
        return found

    def empty(self) -> None:
        """Take all keys away."""
        with open_target(self.address) as target:
            for number in self.databases:
                target.database(number).flushdb()
                assert target.keys_in(number) == 0

    def fill(self) -> None:
        """Put something of every type into every database."""
        with open_target(self.address) as target:
            for number in self.databases:
                fill(target.database(number))


def fill(client: Any) -> None:
    """Put something of every type into a database, with the commands that a Cluster takes too."""
    for number in range(200):
        client.set(f"rl:{{login:{number}}}:60", number, px=86_400_000)
    client.set("text", "abc" * 5000)
    client.set(b"\xff\x00binary", bytes(range(256)))
    client.rpush("list", *range(2000))
    client.sadd("integers", *range(100))
    client.sadd("set", *[f"member {number}" for number in range(1000)])
    client.hset("hash", mapping={f"field {number}": f"value {number}" for number in range(1000)})
    client.zadd("scores", {f"member {number}": number / 7 for number in range(1000)})
    for number in range(50):
        client.xadd("stream", {"number": number})
    client.xgroup_create("stream", "group", "0")
    client.xreadgroup("group", "consumer", {"stream": ">"}, count=20)
    client.pexpireat("hash", FAR_MS)
    with contextlib.suppress(redis.ResponseError):  # Redis 7.0 knows no fields that expire
        client.execute_command("HPEXPIREAT", "hash", 4_102_444_000_000, "FIELDS", 1, "field 7")


@pytest.fixture(scope="session")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = start_cluster(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture(scope="session")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    started = start_sentinels(tmp_path_factory)
    yield started
    stop(started)


@pytest.fixture
def storage(settings: Any, tmp_path: Path) -> Path:
    """Where this test's backups lie."""
    folder = tmp_path / "backups"
    backend = "portal.operations.backups.keeping.folder.DurableFolderStorage"
    settings.STORAGES = settings.STORAGES | {"backups": {"BACKEND": backend, "OPTIONS": {"location": str(folder)}}}
    settings.VAR = tmp_path / "var"
    settings.BACKUP_RECIPIENT = ""
    return folder


def live_at(settings: Any, address: RedisAddress) -> Site:
    """Make a server the one that the site rests on."""
    settings.REDIS = address
    settings.RATELIMIT_STORAGE = address.with_database(1)
    settings.BROKER = parse_redis_address("redis://127.0.0.1:1/0")
    return Site(address)


@pytest.fixture
def single(settings: Any, storage: Path, start: Start) -> Site:
    """A site on one Redis 7.0, filled."""
    site = live_at(settings, start("redis-7.0").address)
    site.fill()
    return site


@pytest.fixture(params=["redis-7.0", "valkey", "sentinels", "cluster"])
def site(request: pytest.FixtureRequest, settings: Any, storage: Path, start: Start) -> Site:
    """A site on each kind of servers, filled."""
    if request.param in PROGRAMS:
        site = live_at(settings, start(request.param).address)
    else:
        servers: Servers = request.getfixturevalue(request.param)
        for server in servers.servers[: 2 if request.param == "sentinels" else 3]:
            with redis.Redis.from_url(server.url) as client:
                client.config_set("repl-diskless-sync-delay", 0)
        site = live_at(settings, parse_redis_address(servers.address))
        _flush(site)
    site.fill()
    _let_replicas_catch_up(site)
    return site


@pytest.fixture
def identity(tmp_path: Path) -> Identity:
    return make_identity(tmp_path / "identity.txt")


def _flush(site: Site) -> None:
    with open_target(site.address) as target:
        if target.is_cluster:
            target.server.flushall(target_nodes=RedisCluster.PRIMARIES)
        else:
            target.server.flushall()


def _let_replicas_catch_up(site: Site) -> None:
    if site.address.kind == "redis+sentinel":
        with open_target(site.address) as target:
            wait_until(lambda: target.server.wait(1, 1000) == 1, what="the replica")


@pytest.fixture
def object_storage(s3_keys: None, s3_server: str, settings: Any) -> str:
    """Backups lie in a new bucket; the address is its server's."""
    url = f"s3://{make_bucket(s3_server)}/nightly?endpoint_url={s3_server}&region_name=us-east-1"
    settings.STORAGES = settings.STORAGES | {"backups": environment.storage(url)}
    return s3_server


__all__ = ["s3_keys", "s3_server", "start"]
