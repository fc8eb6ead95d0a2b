"""INFO, made a reading. https://redis.io/docs/latest/commands/info/ names its fields; Valkey has them too."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from portal.operations.printable import printable
from portal.operations.watching.readings import PRIMARY, REPLICA, SLOTS, Reading

_MOST = 2**53
"""What a database and JSON both hold. No server counts as far."""
_MOST_CLIENTS = 2**31 - 1
_MOST_REPLICAS = 2**15 - 1
_TEXT_MAX = 64


def reading_of(
    info: Mapping[str, Any], *, at: datetime, latency_seconds: float, host_memory_bytes: int | None
) -> Reading:
    """Return what INFO, as redis-py reads it, says of a server. What it does not say is 0, or well."""
    return Reading(
        at=at,
        engine="valkey" if "valkey_version" in info else "redis",
        version=_text(info, "valkey_version") or _text(info, "redis_version"),
        run_id=_text(info, "run_id"),
        role=REPLICA if info.get("role") == "slave" else PRIMARY,
        uptime_seconds=_count(info, "uptime_in_seconds"),
        latency_seconds=latency_seconds,
        used_memory_bytes=_count(info, "used_memory"),
        rss_bytes=_count(info, "used_memory_rss"),
        maxmemory_bytes=_count(info, "maxmemory"),
        maxmemory_policy=_text(info, "maxmemory_policy") or "noeviction",
        host_memory_bytes=host_memory_bytes,
        fragmentation_ratio=_ratio(info.get("mem_fragmentation_ratio")),
        fragmentation_bytes=_count(info, "mem_fragmentation_bytes"),
        clients=min(_count(info, "connected_clients"), _MOST_CLIENTS),
        clients_max=_count(info, "maxclients"),
        blocked_clients=_count(info, "blocked_clients"),
        keys=_keys(info),
        commands=_count(info, "total_commands_processed"),
        hits=_count(info, "keyspace_hits"),
        misses=_count(info, "keyspace_misses"),
        evicted=_count(info, "evicted_keys"),
        expired=_count(info, "expired_keys"),
        rejected_connections=_count(info, "rejected_connections"),
        errors_oom=_errors(info, "OOM"),
        errors_misconf=_errors(info, "MISCONF"),
        errors_noperm=_errors(info, "NOPERM"),
        is_loading=bool(_count(info, "loading")),
        save_failed=_failed(info, "rdb_last_bgsave_status"),
        aof_failed=_failed(info, "aof_last_write_status") or _failed(info, "aof_last_bgrewrite_status"),
        replicas=max(0, min(_count(info, "connected_slaves"), _MOST_REPLICAS) - _backups_under_way(info)),
        link_is_up=info.get("master_link_status", "up") == "up",
        link_down_seconds=_count(info, "master_link_down_since_seconds"),
    )


def as_node(reading: Reading, cluster: Mapping[str, str]) -> Reading:
    """Return a reading with what CLUSTER INFO says of the Cluster, as this node sees it."""
    served = cluster.get("cluster_slots_ok", "")
    return replace(
        reading,
        is_cluster_node=True,
        is_cluster_up=cluster.get("cluster_state", "ok") == "ok",
        slots_served=min(int(served), SLOTS) if served.isdecimal() else SLOTS,
    )


def behind(info: Mapping[str, Any]) -> dict[str, int]:
    """Return by host:port, as INFO of a primary tells, how many bytes of its stream each replica lacks."""
    ahead = _count(info, "master_repl_offset")
    return {
        f"{replica['ip']}:{replica['port']}": max(0, ahead - _count(replica, "offset")) for replica in _replicas(info)
    }


def total_memory_bytes(info: Mapping[str, Any]) -> int | None:
    """Return the memory of the server's host; None: it does not say."""
    return _count(info, "total_system_memory") or None


def process_id(info: Mapping[str, Any]) -> int:
    """Return the number of the server's process on its machine; 0: it does not say."""
    return _count(info, "process_id")


def _replicas(info: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    for name, value in info.items():
        is_replica = name.startswith("slave") and name.removeprefix("slave").isdigit()
        if is_replica and isinstance(value, Mapping) and {"ip", "port"} <= value.keys():
            yield value


def _backups_under_way(info: Mapping[str, Any]) -> int:
    """Return how many read a snapshot by SYNC, as `redis-cli --rdb` does: they tell no port, and go after it."""
    return sum(not _count(replica, "port") for replica in _replicas(info))


def _count(fields: Mapping[str, Any], name: str) -> int:
    return int(max(0, _number(fields.get(name, 0))))


def _number(value: object) -> float:
    """Return a number that a database holds; 0 for what is none."""
    if isinstance(value, float) and not math.isfinite(value):
        return 0
    return max(-_MOST, min(value, _MOST)) if isinstance(value, int | float) else 0


def _text(info: Mapping[str, Any], name: str) -> str:
    return printable(str(info.get(name, ""))[:_TEXT_MAX], keeps="")[:_TEXT_MAX]


def _ratio(value: object) -> float:
    return float(_number(value))


def _errors(info: Mapping[str, Any], code: str) -> int:
    found = info.get(f"errorstat_{code}")
    return _count(found, "count") if isinstance(found, Mapping) else 0


def _failed(info: Mapping[str, Any], name: str) -> bool:
    return bool(info.get(name, "ok") != "ok")


def _keys(info: Mapping[str, Any]) -> int:
    databases = (value for name, value in info.items() if name.startswith("db") and name[2:].isdigit())
    return sum(_count(value, "keys") for value in databases if isinstance(value, Mapping))
