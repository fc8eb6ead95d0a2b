"""Readings and looks as tests make them."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from portal.operations.watching.readings import Look, Reading, ServerLook

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
PLACE = "127.0.0.1:6379"
READING = Reading(
    at=NOW,
    engine="redis",
    version="7.0.15",
    run_id="a" * 40,
    role="primary",
    uptime_seconds=100,
    latency_seconds=0.0005,
    used_memory_bytes=1_000_000,
    rss_bytes=2_000_000,
    maxmemory_bytes=10_000_000,
    maxmemory_policy="noeviction",
    host_memory_bytes=20_000_000_000,
    fragmentation_ratio=2.0,
    fragmentation_bytes=1_000_000,
    clients=3,
    clients_max=10_000,
    blocked_clients=0,
    keys=5,
    commands=1000,
    hits=10,
    misses=20,
    evicted=0,
    expired=1,
    rejected_connections=0,
    errors_oom=0,
    errors_misconf=0,
    errors_noperm=0,
)


def reading(at: datetime, **changed: Any) -> Reading:
    return replace(READING, at=at, **changed)


def a_look(at: datetime, *, before: Reading | None = None, place: str = PLACE, **changed: Any) -> Look:
    """A look at one server, which answered."""
    found = ServerLook("redis, limits", place, reading=reading(at, **changed), before=before, holds_counters=True)
    return Look(at, (found,))
