"""INFO made readable: cards of what matters, each with what it means, and the rest behind them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from portal.operations.inspecting.info import Info, as_number, pairs
from portal.operations.inspecting.troubles import troubles
from portal.operations.units import count, moment, share, size, span


@dataclass(frozen=True, slots=True)
class Row:
    """One field: its name in INFO, what people call it, its value in words, what it means, and what is wrong."""

    name: str
    title: str
    value: str
    meaning: str = ""
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """A subject: what matters, and the rest of its sections."""

    title: str
    rows: tuple[Row, ...]
    rest: tuple[Row, ...]

    @property
    def trouble_count(self) -> int:
        """How many of its fields are troubling."""
        return sum(bool(row.trouble) for row in self.rows + self.rest)


@dataclass(frozen=True, slots=True)
class _Field:
    name: str
    title: str
    words: Callable[[float], str] | None
    """How its number is read; None: it stands there as people read it."""
    meaning: str = ""


def _yes(number: float) -> str:
    return "yes" if number else "no"


def _microseconds(number: float) -> str:
    return span(number / 1e6)


def _limit(number: float) -> str:
    return size(number) if number else "none"


_CARDS: Mapping[str, tuple[tuple[str, ...], tuple[_Field, ...]]] = {
    "Server": (
        ("server",),
        (
            _Field("valkey_version", "Valkey", None),
            _Field("redis_version", "Version", None, "Of Redis; Valkey tells here whose commands it knows."),
            _Field("redis_mode", "Mode", None),
            _Field("uptime_in_seconds", "Runs for", span, "Its counts began at 0 then."),
            _Field("process_id", "Process", None),
        ),
    ),
    "Memory": (
        ("memory",),
        (
            _Field("used_memory", "Used", size, "Data, buffers and overhead: what counts against the limit."),
            _Field("maxmemory", "Limit", _limit, "For the whole server, not for one database."),
            _Field("maxmemory_policy", "When full", None, "noeviction refuses writes; the others drop keys."),
            _Field("used_memory_peak", "Peak", size, "The most since it started."),
            _Field("used_memory_rss", "Held from the host", size, "What the host counts for this process."),
            _Field("mem_fragmentation_ratio", "Fragmentation", None, "Held by used; over 1.5 much is holes."),
            _Field("used_memory_dataset", "Data alone", size),
            _Field("mem_clients_normal", "Clients’ buffers", size),
        ),
    ),
    "Clients": (
        ("clients",),
        (
            _Field("connected_clients", "Connected", count),
            _Field("maxclients", "At most", count, "Further ones are refused."),
            _Field("blocked_clients", "Waiting", count, "They wait for data, as idle Celery workers do."),
            _Field("tracking_clients", "With caches of their own", count),
        ),
    ),
    "Statistics": (
        ("stats",),
        (
            _Field("instantaneous_ops_per_sec", "Commands a second", count, "Just now."),
            _Field("total_commands_processed", "Commands", count, "Since it started, as all that follow."),
            _Field("keyspace_hits", "Hits", count, "Reads that found their key."),
            _Field("keyspace_misses", "Misses", count),
            _Field("expired_keys", "Expired", count, "Keys whose time was over: how counters should end."),
            _Field("evicted_keys", "Evicted", count, "Keys dropped for want of memory."),
            _Field("rejected_connections", "Refused connections", count, "There were too many clients."),
            _Field("latest_fork_usec", "Last fork", _microseconds, "Nobody is answered while it forks to save."),
            _Field("total_error_replies", "Errors answered", count),
        ),
    ),
    "Persistence": (
        ("persistence",),
        (
            _Field("loading", "Loading", _yes),
            _Field("rdb_last_bgsave_status", "Last save", None),
            _Field("rdb_last_save_time", "Saved", moment, "After a start without a save: when it started."),
            _Field("rdb_changes_since_last_save", "Changes since", count, "What a crash would lose without a log."),
            _Field("rdb_bgsave_in_progress", "Saving now", _yes),
            _Field("aof_enabled", "Append-only file", _yes, "Each write is logged too."),
            _Field("aof_last_write_status", "Last write of it", None),
            _Field("aof_last_bgrewrite_status", "Last rewrite of it", None),
        ),
    ),
    "Replication": (
        ("replication",),
        (
            _Field("role", "Role", None, "Redis says master for a primary, and slave for a replica."),
            _Field("connected_slaves", "Replicas", count, "Connected to it now."),
            _Field("master_host", "Its primary", None),
            _Field("master_link_status", "Link to it", None),
            _Field("master_last_io_seconds_ago", "Heard of it", span, "This long ago."),
            _Field("master_repl_offset", "Position in the stream", count),
        ),
    ),
    "CPU": (
        ("cpu",),
        (
            _Field("used_cpu_user", "For commands", span, "Time of its processor since it started."),
            _Field("used_cpu_sys", "For the system", span, "Network and memory."),
            _Field("used_cpu_user_children", "For saving", span),
        ),
    ),
}
_SHOWN_ELSEWHERE = ("keyspace", "errorstats")


def cards(info: Info, *, holds_counters: bool) -> tuple[Card, ...]:
    """Return INFO as cards; sections that are not known stand in one of their own, so that nothing is lost."""
    wrong = troubles(info, holds_counters=holds_counters)
    known = [_card(title, info, wrong=wrong) for title in _CARDS]
    errors = _errors(info, wrong=wrong)
    return tuple(card for card in (*known, errors, _others(info)) if card.rows or card.rest)


def _card(title: str, info: Info, *, wrong: Mapping[str, str]) -> Card:
    sections, fields = _CARDS[title]
    rows = [_row(field, info, wrong=wrong) for field in fields if field.name in info.fields]
    if title == "Statistics":
        rows[3:3] = _hit_rate(info)
    named = {field.name for field in fields}
    rest = [name for section in sections for name in info.sections.get(section, {}) if name not in named]
    return Card(title, tuple(rows), tuple(_plain(name, info, wrong=wrong) for name in rest if not _is_twice(name)))


def _row(field: _Field, info: Info, *, wrong: Mapping[str, str]) -> Row:
    text = info.text(field.name)
    number = as_number(text)
    value = field.words(number) if field.words and number is not None else text or "–"
    return Row(field.name, field.title, value, field.meaning, wrong.get(field.name, ""))


def _hit_rate(info: Info) -> list[Row]:
    hits, misses = info.number("keyspace_hits"), info.number("keyspace_misses")
    if not hits + misses:
        return []
    return [Row("", "Hit rate", share(hits / (hits + misses)), "Reads that found their key, of all.")]


def _is_twice(name: str) -> bool:
    """Say whether a field repeats another one in words of its own, as used_memory_human does."""
    return name.endswith("_human")


def _plain(name: str, info: Info, *, wrong: Mapping[str, str]) -> Row:
    text = info.text(name)
    number = as_number(text)
    words = _guess(name) if number is not None and not text.endswith("%") else None
    return Row(name, name, words(number) if words and number is not None else text, trouble=wrong.get(name, ""))


def _guess(name: str) -> Callable[[float], str] | None:
    """Return how a field's number is read, by what its name tells of its unit."""
    if name.endswith(("_id", "_port", "_ratio", "_perc", "_bits", "_number", "version", "hz")):
        return None
    if name.endswith(("_usec", "_us", "_microseconds")):
        return _microseconds
    if name.endswith(("_sec", "_seconds")) and "per_sec" not in name:
        return lambda number: span(number) if number >= 0 else "–"
    if name.endswith(("_bytes", "_size")) or name.startswith(("used_memory", "mem_", "allocator_", "total_net_")):
        return size
    return count if "memory" not in name else size


def _errors(info: Info, *, wrong: Mapping[str, str]) -> Card:
    rows = []
    for name, text in info.sections.get("errorstats", {}).items():
        times = pairs(text).get("count", text)
        rows.append(Row(name, name.removeprefix("errorstat_"), times, trouble=wrong.get(name, "")))
    return Card("Errors answered, by kind", tuple(rows), ())


def _others(info: Info) -> Card:
    known = {section for sections, _ in _CARDS.values() for section in sections} | set(_SHOWN_ELSEWHERE)
    names = [name for section, fields in info.sections.items() if section not in known for name in fields]
    return Card("More", (), tuple(_plain(name, info, wrong={}) for name in names))
