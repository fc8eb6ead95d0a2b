"""What watching knows of servers at one moment: the values that flow from reading to samples, alerts and pages."""

from dataclasses import dataclass
from datetime import datetime

PRIMARY, REPLICA = "primary", "replica"
SLOTS = 16_384
"""Of every Cluster."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What one server said of itself, mostly by INFO. Counters count since the server started."""

    at: datetime
    engine: str
    version: str
    run_id: str
    role: str
    uptime_seconds: int
    latency_seconds: float
    """How long a PING took there and back, measured by us."""

    used_memory_bytes: int
    rss_bytes: int
    maxmemory_bytes: int
    """0: no limit is set."""
    maxmemory_policy: str
    host_memory_bytes: int | None
    """What the host has, or the server's cgroup may take, where that is known."""
    fragmentation_ratio: float
    fragmentation_bytes: int

    clients: int
    clients_max: int
    blocked_clients: int
    keys: int

    commands: int
    hits: int
    misses: int
    evicted: int
    expired: int
    rejected_connections: int
    errors_oom: int
    errors_misconf: int
    errors_noperm: int

    is_loading: bool = False
    save_failed: bool = False
    aof_failed: bool = False
    """A write or a rewrite of the append-only file failed."""

    replicas: int = 0
    """How many are connected to it."""
    link_is_up: bool = True
    """Of a replica: whether it hears its primary. True for a primary."""
    link_down_seconds: int = 0
    behind_bytes: int = 0
    """Of a replica: how much of the primary's stream it has not got yet, where that is known."""

    is_cluster_node: bool = False
    slots_served: int = SLOTS
    """Of a Cluster's node: how many slots it says that somebody serves. All, or the Cluster has failed in part."""
    is_cluster_up: bool = True
    """Of a Cluster's node: cluster_state. Without it the node answers no question for keys."""

    @property
    def limit_bytes(self) -> int | None:
        """The memory that it may take: maxmemory, else the host's or the cgroup's; None: unknown."""
        return self.maxmemory_bytes or self.host_memory_bytes

    @property
    def used_share(self) -> float | None:
        """How much of that it uses, of 1; None: unknown."""
        return self.used_memory_bytes / self.limit_bytes if self.limit_bytes else None

    @property
    def evicts(self) -> bool:
        """Whether it drops keys when it is full, counters among them."""
        return self.maxmemory_policy != "noeviction"


@dataclass(frozen=True, slots=True)
class Change:
    """What happened at a server between two readings. After a restart counts begin at 0, so what is there is new."""

    seconds: float
    commands: int
    hits: int
    misses: int
    evicted: int
    expired: int
    rejected_connections: int
    errors_oom: int
    errors_misconf: int
    errors_noperm: int
    has_restarted: bool
    has_changed_role: bool


_COUNTERS = (
    "commands",
    "hits",
    "misses",
    "evicted",
    "expired",
    "rejected_connections",
    "errors_oom",
    "errors_misconf",
    "errors_noperm",
)


_GROWN_MOST = 10**12
"""What no server does between two looks: a year of such sums still fits into 64 bits, as databases reckon."""


def change(before: Reading, now: Reading) -> Change:
    """Return what happened between two readings of one server.

    A counter that fell (a restart, another server under the same address, CONFIG RESETSTAT) counts from 0.
    """
    has_restarted = before.run_id != now.run_id
    counts = {name: _grown(getattr(before, name), getattr(now, name), anew=has_restarted) for name in _COUNTERS}
    return Change(
        seconds=max(0.0, (now.at - before.at).total_seconds()),
        has_restarted=has_restarted,
        has_changed_role=before.role != now.role,
        **counts,
    )


def _grown(before: int, now: int, *, anew: bool) -> int:
    return min(now if anew or now < before else now - before, _GROWN_MOST)


@dataclass(frozen=True, slots=True)
class ServerLook:
    """How one look at one server went: its reading, or in one sentence why there is none."""

    source: str
    """Which of our addresses it serves: `redis`, `limits`, `broker`, or several, as in `redis, limits`."""
    place: str
    """host:port, or a socket's path. It names the server, here and in alerts."""
    reading: Reading | None = None
    failure: str = ""
    before: Reading | None = None
    """The last reading that there was before this look."""
    holds_counters: bool = False
    """Whether the limits are counted there."""
    is_set: bool = False
    """Whether it is no server: a Sentinel set or a Cluster of which something failed as a whole."""

    @property
    def change(self) -> Change | None:
        """What happened since the last reading; None without two."""
        return change(self.before, self.reading) if self.before and self.reading else None


@dataclass(frozen=True, slots=True)
class Look:
    """One look at every server that this site rests on."""

    at: datetime
    servers: tuple[ServerLook, ...]
