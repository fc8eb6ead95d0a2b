"""INFO of Redis 7.0 and of Valkey 9, made readings."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis._parsers.helpers import parse_info

from portal.operations.watching.reading.info import behind, reading_of, total_memory_bytes
from portal.operations.watching.readings import Reading

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SHARED = """
run_id:8b64aa5b97b5e97ea464bc1ac2d629bcb3d125b8
uptime_in_seconds:61
connected_clients:3
maxclients:10000
blocked_clients:1
used_memory:916928
used_memory_rss:6721536
total_system_memory:25276063744
maxmemory:3000000
maxmemory_policy:allkeys-lru
mem_fragmentation_ratio:7.67
mem_fragmentation_bytes:5845352
loading:0
rdb_last_bgsave_status:ok
aof_last_write_status:ok
aof_last_bgrewrite_status:ok
total_commands_processed:100
keyspace_hits:7
keyspace_misses:2
evicted_keys:5
expired_keys:4
rejected_connections:6
errorstat_ERR:count=1
errorstat_OOM:count=11
errorstat_MISCONF:count=12
errorstat_NOPERM:count=13
db0:keys=10,expires=2,avg_ttl=0
db11:keys=5,expires=0,avg_ttl=0
"""
REDIS_7 = f"redis_version:7.0.15\nredis_mode:standalone\nrole:master\nconnected_slaves:0\n{SHARED}"
VALKEY_9 = (
    f"redis_version:7.2.4\nserver_name:valkey\nvalkey_version:9.1.2\nserver_mode:standalone\nrole:master\n{SHARED}"
)


def read(text: str, **more: Any) -> Reading:
    return reading_of(parse_info(text) | more, at=NOW, latency_seconds=0.001, host_memory_bytes=None)


@pytest.mark.parametrize(
    ("text", "engine", "version"), [(REDIS_7, "redis", "7.0.15"), (VALKEY_9, "valkey", "9.1.2")], ids=["7.0", "9.1"]
)
def test_every_field_is_read(text: str, engine: str, version: str) -> None:
    assert read(text) == Reading(
        at=NOW,
        engine=engine,
        version=version,
        run_id="8b64aa5b97b5e97ea464bc1ac2d629bcb3d125b8",
        role="primary",
        uptime_seconds=61,
        latency_seconds=0.001,
        used_memory_bytes=916_928,
        rss_bytes=6_721_536,
        maxmemory_bytes=3_000_000,
        maxmemory_policy="allkeys-lru",
        host_memory_bytes=None,
        fragmentation_ratio=7.67,
        fragmentation_bytes=5_845_352,
        clients=3,
        clients_max=10_000,
        blocked_clients=1,
        keys=15,
        commands=100,
        hits=7,
        misses=2,
        evicted=5,
        expired=4,
        rejected_connections=6,
        errors_oom=11,
        errors_misconf=12,
        errors_noperm=13,
    )


def test_a_replica_tells_of_its_link() -> None:
    found = read("role:slave\nmaster_link_status:down\nmaster_link_down_since_seconds:42\n")
    assert (found.role, found.link_is_up, found.link_down_seconds) == ("replica", False, 42)


def test_a_replica_that_never_heard_its_primary_has_no_negative_time() -> None:
    assert read("role:slave\nmaster_link_status:down\nmaster_link_down_since_seconds:-1\n").link_down_seconds == 0


def test_a_primary_tells_how_far_each_replica_is_behind() -> None:
    info = parse_info(
        "role:master\nconnected_slaves:2\nmaster_repl_offset:1000\n"
        "slave0:ip=10.0.0.1,port=6379,state=online,offset=900,lag=1\n"
        "slave1:ip=10.0.0.2,port=6380,state=online,offset=1000,lag=0\n"
    )
    assert behind(info) == {"10.0.0.1:6379": 100, "10.0.0.2:6380": 0}


def test_a_server_that_boasts_of_replicas_is_not_counted_through() -> None:
    info = parse_info(f"role:master\nconnected_slaves:{2**53}\nmaster_repl_offset:1000\n")
    assert behind(info) == {}
    assert read("", **info).replicas == 32_767


@pytest.mark.parametrize("name", ["rdb_last_bgsave_status", "aof_last_write_status", "aof_last_bgrewrite_status"])
def test_a_failure_of_persistence_is_read(name: str) -> None:
    found = read(REDIS_7, **{name: "err"})
    assert (found.save_failed, found.aof_failed) == (name.startswith("rdb"), name.startswith("aof"))


def test_a_server_that_says_little_has_no_limit_and_no_failures() -> None:
    found = read("redis_version:6.0\n")
    assert (found.limit_bytes, found.evicts, found.save_failed, found.link_is_up) == (None, False, False, True)
    assert total_memory_bytes({}) is None


@given(
    st.dictionaries(
        st.sampled_from([line.partition(":")[0] for line in SHARED.split()] + ["role", "connected_slaves", "slave0"]),
        st.one_of(st.integers(), st.floats(), st.text(), st.dictionaries(st.text(max_size=5), st.integers())),
    )
)
def test_whatever_a_server_says_is_a_reading_that_can_be_kept(info: dict[str, Any]) -> None:
    found = reading_of(info, at=NOW, latency_seconds=0.001, host_memory_bytes=total_memory_bytes(info))
    assert msgspec.json.decode(msgspec.json.encode(found), type=Reading) == found
    amounts = [value for value in msgspec.to_builtins(found).values() if isinstance(value, int)]
    assert all(0 <= amount <= 2**53 for amount in amounts)
    assert len(found.version) <= 64


def test_replicas_that_are_counted_and_not_listed_are_not_looked_for() -> None:
    info = parse_info("role:master\nmaster_repl_offset:10\nslave0:ip=10.0.0.1,port=6379,offset=4") | {
        "connected_slaves": 2**60
    }
    assert behind(info) == {"10.0.0.1:6379": 6}
    assert read("", connected_slaves=2**60).replicas == 2**15 - 1
