"""Sentinels that name another primary, or are away."""

import os
import signal
import statistics
import time
from collections.abc import Callable

import pytest
import redis
from django.core.cache import CacheHandler

from limits.core.rates import Rate
from portal import redis_address
from portal.redis_address import parse_redis_address
from tests.limits import making
from tests.limits.cluster_and_sentinel.counting import DAY, PROMISED_WAIT_SECONDS, allowed, count_at, is_counted
from tests.limits.cluster_and_sentinel.servers import port_of, start_sentinels, stop
from tests.servers import free_port, wait_until

pytestmark = pytest.mark.server


@pytest.mark.parametrize("hurt", [signal.SIGKILL, signal.SIGSTOP], ids=["killed", "paused"])
def test_counting_follows_a_failover_by_itself(
    hurt: signal.Signals,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    keep: Callable[[], None],
) -> None:
    started = start_sentinels(tmp_path_factory)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(3, DAY)))
    keep()
    assert allowed("login", requests=2) == 2
    primary, replica, watcher, *_ = started.servers
    with redis.Redis(port=port_of(replica)) as client:
        wait_until(lambda: client.dbsize() > 0, what="replication")
    os.kill(primary.process.pid, hurt)
    taken = []
    with redis.Redis(port=port_of(watcher)) as client:
        while client.sentinel_master(started.service)["port"] == port_of(primary):
            began = time.monotonic()
            is_counted("198.51.100.1")
            taken.append(time.monotonic() - began)
    wait_until(lambda: is_counted("198.51.100.2"), what="counting", seconds=2)
    assert statistics.median(taken) < 0.001
    assert sorted(taken)[-3] < PROMISED_WAIT_SECONDS
    # The new primary knows what the old one counted.
    assert allowed("login", requests=3) == 1
    stop(started)


def test_a_primary_that_became_a_replica_is_left_at_once(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = start_sentinels(tmp_path_factory)
    count_at(started.address, monkeypatch)
    making.put_in_force(making.policy("login", Rate(1000, DAY)))
    assert is_counted("203.0.113.1")
    primary, replica, watcher, *_ = started.servers
    with redis.Redis(port=port_of(watcher)) as client, redis.Redis(port=port_of(primary)) as old:
        client.sentinel_failover(started.service)
        wait_until(lambda: client.sentinel_master(started.service)["port"] == port_of(replica), what="the failover")
        # The Sentinel does it too, ten seconds later.
        old.replicaof("127.0.0.1", port_of(replica))
    assert is_counted("203.0.113.1")
    stop(started)


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
