"""What in INFO is troubling, in words. The thresholds are those that the field settled on."""

from collections.abc import Iterator

from portal.operations.inspecting.info import Info, pairs
from portal.operations.units import share

_MEMORY_SHARE = 0.75
_CLIENTS_SHARE = 0.8
_LARGE_BYTES = 100 * 1024**2
_YOUNG_SECONDS = 300
_LONG_FORK_MICROSECONDS = 500_000
_ERRORS = {
    "OOM": "Writes were refused for want of memory: limits may not have held.",
    "MISCONF": "Writes were refused, for the server could not save: limits may not have held.",
    "NOPERM": "Somebody was refused a command by the access list: look whose rights are too narrow.",
}


def troubles(info: Info, *, holds_counters: bool) -> dict[str, str]:
    """Return a sentence for each field that is troubling, by the field's name."""
    found: dict[str, str] = {}
    for kind in (_of_memory(info, holds_counters), _of_clients(info), _of_disk(info), _of_others(info)):
        found.update(kind)
    return found


def _of_memory(info: Info, holds_counters: bool) -> Iterator[tuple[str, str]]:
    used, limit = info.number("used_memory"), info.number("maxmemory")
    if limit and used >= _MEMORY_SHARE * limit:
        yield "used_memory", f"{share(used / limit)} of the limit."
    if "maxmemory" in info.fields and not limit:
        yield "maxmemory", "No limit is set: it grows until the host ends it."
    if holds_counters and info.text("maxmemory_policy") not in ("", "noeviction"):
        yield "maxmemory_policy", "When it is full it drops keys, counters of limits among them: set noeviction."
    if info.number("evicted_keys"):
        yield "evicted_keys", "Keys were dropped for want of memory since it started."
    yield from _of_fragmentation(info, is_large=used > _LARGE_BYTES)


def _of_fragmentation(info: Info, *, is_large: bool) -> Iterator[tuple[str, str]]:
    # On a small server the ratio says nothing: a fresh one shows 13.
    ratio = info.number("mem_fragmentation_ratio")
    if is_large and ratio > 1.5 and info.number("mem_fragmentation_bytes") > _LARGE_BYTES:
        yield "mem_fragmentation_ratio", "Much of the memory it holds is holes."
    if is_large and 0 < ratio < 1:
        yield "mem_fragmentation_ratio", "A part of it is swapped out, and slow."


def _of_clients(info: Info) -> Iterator[tuple[str, str]]:
    clients, most = info.number("connected_clients"), info.number("maxclients")
    if most and clients >= _CLIENTS_SHARE * most:
        yield "connected_clients", f"{share(clients / most)} of what it takes."
    if info.number("rejected_connections"):
        yield "rejected_connections", "Connections were refused since it started, for there were too many."


def _of_disk(info: Info) -> Iterator[tuple[str, str]]:
    for name, what in (
        ("rdb_last_bgsave_status", "The last save"),
        ("aof_last_write_status", "The last write of the append-only file"),
        ("aof_last_bgrewrite_status", "The last rewrite of the append-only file"),
    ):
        if info.text(name) not in ("", "ok"):
            yield name, f"{what} failed: its disk may be full. It may refuse every write until that is mended."
    if info.number("loading"):
        yield "loading", "It is loading its data from disk."
    if info.number("latest_fork_usec") > _LONG_FORK_MICROSECONDS:
        yield "latest_fork_usec", "Nobody was answered meanwhile."


def _of_others(info: Info) -> Iterator[tuple[str, str]]:
    if info.text("master_link_status") not in ("", "up"):
        yield "master_link_status", "It does not hear its primary, and its data grows old."
    if 0 < info.number("uptime_in_seconds") < _YOUNG_SECONDS:
        yield "uptime_in_seconds", "It started a moment ago: its counts are young."
    for name, words in _ERRORS.items():
        if int(pairs(info.text(f"errorstat_{name}")).get("count", "0")):
            yield f"errorstat_{name}", words
