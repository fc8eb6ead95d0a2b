"""Which servers hold the data of a Sentinel set and of a Cluster."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from portal.operations.backups.keeping.kept import is_plain_name
from portal.operations.backups.manifest import Method
from portal.operations.backups.taking.choosing import take
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.nodes import nodes, part_name
from portal.redis_address import parse_redis_address
from tests.limits.cluster_and_sentinel.servers import Servers, port_of, start_cluster, start_sentinels, stop
from tests.portal.operations.backups.servers import VALKEY, loaded
from tests.portal.operations.backups.taking.asking import taken
from tests.servers import Server, free_port, wait_until

pytestmark = pytest.mark.server


@pytest.fixture(scope="module")
def sentinels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """A primary, its replica, and three Sentinels."""
    started = start_sentinels(tmp_path_factory)
    _be_quick(started.servers[0], started.servers[1])
    yield started
    stop(started)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    """Three primaries, and three thousand keys."""
    started = start_cluster(tmp_path_factory)
    _be_quick(*started.servers)
    with redis.RedisCluster.from_url(parse_redis_address(started.address).url) as client:
        for number in range(3000):
            client.set(f"key:{number}", number)
    yield started
    stop(started)


def _be_quick(*servers: Server) -> None:
    for server in servers:
        with redis.Redis.from_url(server.url) as client:
            client.config_set("repl-diskless-sync-delay", 0)


def test_of_a_sentinel_set_the_replica_is_taken(sentinels: Servers, private: Path, tmp_path: Path) -> None:
    primary, replica, watcher, *_ = sentinels.servers
    with redis.Redis.from_url(primary.url) as client:
        client.set("key", "value")
        wait_until(lambda: client.execute_command("WAIT", 1, 100) == 1, what="replication")
    (node,) = nodes(parse_redis_address(sentinels.address))
    assert (node.name, node.role, node.address.hosts, node.warnings) == (
        "all",
        "replica",
        (("127.0.0.1", port_of(replica)),),
        (),
    )
    result = take(node, folder=private)
    assert (result.method, result.server.role) == (Method.WIRE, "replica")
    with loaded(result.path, folder=tmp_path / "scratch", program=VALKEY) as scratch:
        assert scratch.get("key") == b"value"
    with redis.Redis(port=port_of(watcher)) as client:
        # A wire from the primary would leave a replica there that is none.
        assert client.sentinel_master(sentinels.service)["num-slaves"] == 1


def test_a_sentinel_that_is_away_is_passed_over(sentinels: Servers) -> None:
    hosts = sentinels.address.removeprefix("redis+sentinel://")
    address = parse_redis_address(f"redis+sentinel://127.0.0.1:{free_port()},{hosts}")
    assert nodes(address)[0].role == "replica"


def test_a_name_that_no_sentinel_knows_is_told(sentinels: Servers) -> None:
    address = sentinels.address.replace(sentinels.service, "other")
    with pytest.raises(CannotTake, match=r"^The Sentinels know no other\. Look at the name in the address\.$"):
        nodes(parse_redis_address(address))


def test_a_sentinel_in_place_of_a_server_is_told(sentinels: Servers) -> None:
    with pytest.raises(CannotTake, match=r"is a Sentinel.*redis\+sentinel://"):
        nodes(parse_redis_address(sentinels.servers[2].url))


def test_no_sentinel_at_all_is_told() -> None:
    port = free_port()
    with pytest.raises(CannotTake, match=f"127.0.0.1:{port} does not answer"):
        nodes(parse_redis_address(f"redis+sentinel://127.0.0.1:{port}/primary"))


def test_without_a_healthy_replica_the_primary_is_taken_with_a_warning(sentinels: Servers, private: Path) -> None:
    primary, replica, *_ = sentinels.servers
    os.kill(replica.process.pid, signal.SIGKILL)
    (node,) = nodes(parse_redis_address(sentinels.address))
    assert (node.role, node.address.hosts) == ("primary", (("127.0.0.1", port_of(primary)),))
    assert f"SENTINEL RESET {sentinels.service}" in node.warnings[0]
    assert take(node, folder=private).warnings == node.warnings


@pytest.mark.parametrize("method", [Method.WIRE, Method.LOGICAL])
def test_of_a_cluster_every_primary_is_taken(method: Method, cluster: Servers, private: Path, tmp_path: Path) -> None:
    parts = nodes(parse_redis_address(cluster.address))
    assert {part.name for part in parts} == {f"127.0.0.1-{port_of(server)}" for server in cluster.servers}
    keys: list[bytes] = []
    for part in parts:
        result = take(part, folder=private, method=method)
        with loaded(result.path, folder=tmp_path / part.name, program=VALKEY) as scratch:
            keys += scratch.keys()
    assert sorted(keys) == sorted(f"key:{number}".encode() for number in range(3000))
    assert len(list(private.iterdir())) == 3


def test_one_server_of_a_cluster_is_taken_with_a_warning(cluster: Servers, private: Path) -> None:
    result = taken(cluster.servers[0].url, folder=private)
    assert "redis+cluster://" in result.warnings[0]


def test_a_cluster_with_slots_that_nobody_serves_is_refused(cluster: Servers) -> None:
    with redis.Redis.from_url(cluster.servers[0].url) as client:
        client.execute_command("CLUSTER", "DELSLOTSRANGE", 0, 99)
        with pytest.raises(CannotTake, match="100 of its 16,384 slots"):
            nodes(parse_redis_address(f"redis+cluster://127.0.0.1:{port_of(cluster.servers[0])}"))
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 99)


@pytest.mark.parametrize(
    ("host", "name"),
    [("10.0.0.1", "10.0.0.1-7000"), ("::1", "1-7000"), ("2001:db8::1", "2001_db8__1-7000"), ("::", "7000")],
)
def test_the_name_of_a_part_is_a_files_name_for_every_host(host: str, name: str) -> None:
    assert part_name(host, 7000) == name
    assert is_plain_name(part_name(host, 7000))
