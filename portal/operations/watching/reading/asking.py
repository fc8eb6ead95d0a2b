"""Asking one server: how fast it answers, and what it says of itself."""

import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import redis

from portal.operations.watching.reading.connecting import NoAnswer, connected, using
from portal.operations.watching.reading.info import as_node, behind, process_id, reading_of, total_memory_bytes
from portal.operations.watching.reading.process_memory import process_limit_bytes
from portal.operations.watching.readings import Reading
from portal.redis_address import Client, RedisAddress

_PINGS = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server said; `behind` tells by host:port how many bytes its replicas lack."""

    reading: Reading
    behind: Mapping[str, int]


def ask(address: RedisAddress, *, at: datetime) -> Answer:
    """Return what the one server at an address says of itself. Raises NoAnswer.

    INFO without a section has the errors by their kind too, since Redis 6.2.
    """
    cluster: Mapping[str, str] = {}
    with connected(address) as client:
        latency_seconds = min(_ping_seconds(client) for _ in range(_PINGS + 1))
        with using("INFO"):
            info = client.info()
        if info.get("cluster_enabled"):
            # Who may not ask that knows the rest all the same.
            with suppress(redis.ResponseError):
                cluster = client.cluster("INFO")
    if info.get("redis_mode", info.get("server_mode")) == "sentinel":
        raise NoAnswer("is a Sentinel, which holds no data: write redis+sentinel:// in the address")
    reading = reading_of(
        info, at=at, latency_seconds=latency_seconds, host_memory_bytes=_host_memory_bytes(info, address=address)
    )
    return Answer(as_node(reading, cluster) if cluster else reading, behind(info))


def _ping_seconds(client: Client) -> float:
    """Return how long a PING took. The shortest of some counts: what this process itself waits is none of it."""
    began = time.perf_counter()
    try:
        client.ping()
    except redis.exceptions.NoPermissionError:
        with using("PING"):
            raise
    except (redis.ResponseError, redis.BusyLoadingError):
        pass  # LOADING, MASTERDOWN: an answer too.
    return time.perf_counter() - began


def _host_memory_bytes(info: Mapping[str, Any], *, address: RedisAddress) -> int | None:
    """Return what the server's host has; on this machine, no more than its control groups allow it."""
    limit = process_limit_bytes(process_id(info)) if address.is_here else None
    return min((size for size in (total_memory_bytes(info), limit) if size), default=None)
