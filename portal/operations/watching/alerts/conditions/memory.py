"""Memory: how full, how soon full, and how much of it is wasted."""

from collections.abc import Iterable

from portal.operations.addresses import REDIS
from portal.operations.models import RedisServer
from portal.operations.units import megabytes
from portal.operations.watching.alerts.conditions.condition import (
    Condition,
    Direction,
    Facts,
    Finding,
    Found,
    no_data,
    of_servers,
    well,
)
from portal.operations.watching.readings import Reading, ServerLook
from portal.operations.watching.samples.series import highest_of_a_day, memory_forecast

_DROPS = "it drops keys then"
SMALL_BYTES = 100 * 1024 * 1024
"""Below this a server's fixed costs outweigh its data: fragmentation says nothing."""


def _is_full_by_design(server: ServerLook, reading: Reading) -> bool:
    """Say whether it is a cache and nothing else, which drops what it likes when it is full."""
    return server.source == REDIS and bool(reading.maxmemory_bytes) and reading.maxmemory_policy.startswith("allkeys-")


def _share(server: ServerLook, reading: Reading) -> Found:
    limit = reading.limit_bytes
    if _is_full_by_design(server, reading):
        return well(f"{megabytes(reading.used_memory_bytes)} are used by a cache, which may be full: {_DROPS}.")
    if not limit:
        return no_data("It has no maxmemory, and how much memory its host has is not known.")
    share = 100 * reading.used_memory_bytes / limit
    of = "maxmemory" if reading.maxmemory_bytes else "the host's memory, for it has no maxmemory"
    return Found(share, f"{megabytes(reading.used_memory_bytes)} are used, {share:.1f} % of {of}.{_when_full(reading)}")


def _when_full(reading: Reading) -> str:
    if not reading.maxmemory_bytes:
        return " When the host is full, the system may kill Redis."
    return " When it is full, it drops keys." if reading.evicts else " When it is full, it takes no more writes."


def _resident_share(server: ServerLook, reading: Reading) -> Found | None:
    if not reading.host_memory_bytes:
        return None
    share = 100 * reading.rss_bytes / reading.host_memory_bytes
    return Found(share, f"The process takes {megabytes(reading.rss_bytes)}, {share:.1f} % of the host's memory.")


def _fragmentation(server: ServerLook, reading: Reading) -> Found:
    wasted, used = reading.fragmentation_bytes, reading.used_memory_bytes
    if used <= SMALL_BYTES or wasted <= SMALL_BYTES:
        return well(f"{megabytes(max(0, wasted))} are wasted at {megabytes(used)} used: too little to matter.")
    return Found(
        reading.fragmentation_ratio,
        f"{megabytes(wasted)} are wasted; the process takes {reading.fragmentation_ratio:.2f} times what is used.",
    )


def _swapped(server: ServerLook, reading: Reading) -> Found:
    if reading.used_memory_bytes <= SMALL_BYTES:
        return well(f"{megabytes(reading.used_memory_bytes)} are used: too little to matter.")
    return Found(
        reading.fragmentation_ratio,
        f"{reading.fragmentation_ratio:.2f} of what is used is in memory"
        f"{'; the rest is swapped out' if reading.fragmentation_ratio < 1 else ''}.",
    )


def _hours_until_full(facts: Facts) -> Iterable[Finding]:
    rows = RedisServer.objects.filter(place__in=[server.place for server in facts.look.servers])
    keys = dict(rows.values_list("place", "pk"))

    def judge(server: ServerLook, reading: Reading) -> Found:
        if _is_full_by_design(server, reading):
            return well(f"It is a cache, which may be full: {_DROPS}.")
        forecast = memory_forecast(keys[server.place], now=facts.now) if server.place in keys else None
        if forecast is not None and reading.used_memory_bytes <= highest_of_a_day(keys[server.place], now=facts.now):
            return well("It grows, and held as much within the last day already.")
        if forecast is None:
            return well("There is no clear trend towards its limit.")
        return Found(forecast.full_in_seconds / 3600, f"It will be {forecast.words}.")

    return of_servers(judge)(facts)


_FULL = (
    "When it is full, it drops counters among other keys, so that refused clients start again at zero; under the "
    "policy noeviction limits are counted on, and cache and queues fail."
)

CONDITIONS = (
    Condition(
        key="memory_share",
        title="Memory used",
        compares="used_memory as a share of maxmemory; where that is 0, of the memory of the host or the container. "
        "A cache alone that drops any key when it is full (allkeys-…) may be full.",
        headline="Redis {target} is filling up",
        meaning=_FULL,
        advice="See which keys take the memory (Redis page, keys by prefix); free some, or raise maxmemory.",
        find=of_servers(_share),
        unit="%",
    ),
    Condition(
        key="resident_share",
        title="Memory of the host",
        compares="What the process really takes (used_memory_rss), as a share of the memory of host or container. "
        "A snapshot may need as much again as is written meanwhile.",
        headline="Redis {target} takes most of its host's memory",
        meaning="When the host runs out of memory, the system may kill Redis, and every count with it.",
        advice="Lower maxmemory, or give the host more memory.",
        find=of_servers(_resident_share),
        unit="%",
    ),
    Condition(
        key="hours_until_full",
        title="Hours until memory is full",
        compares="The trend of used_memory over the last hour carried on; nothing while there is no clear trend, and "
        "nothing up to what was used within the day before: what rises and falls with its keys' time is no news.",
        headline="Redis {target} will be full soon",
        meaning=_FULL,
        advice="See what grows (Redis page, keys by prefix); let keys expire, or raise maxmemory in time.",
        find=_hours_until_full,
        unit="h",
        direction=Direction.BELOW,
    ),
    Condition(
        key="fragmentation",
        title="Memory fragmentation",
        compares="mem_fragmentation_ratio, where more than 100 MB are used and more than 100 MB are wasted.",
        headline="Redis {target} wastes memory",
        meaning="Limits hold; memory that could hold counters is lost to gaps.",
        advice="Switch on activedefrag, or restart the server at a quiet hour.",
        find=of_servers(_fragmentation),
    ),
    Condition(
        key="swapped",
        title="Memory swapped out",
        compares="mem_fragmentation_ratio, where more than 100 MB are used: below 1, some of it is not in memory.",
        headline="Redis {target} is swapped out in part",
        meaning="Answers become slow, and decisions that wait too long are not counted.",
        advice="Give the host more memory, or lower maxmemory.",
        find=of_servers(_swapped),
        direction=Direction.BELOW,
    ),
)
