"""Whole databases, restored beside the live ones, compared, and exchanged with them in one step.

The old data stays in the spare databases: exchanging once more goes back to it. A key of ours in each spare one says
what it holds: a database that lost it is not ours to empty. The server looks at these keys, exchanges and writes them
anew in one step (a script), so nothing that happens in between, be it our own end, leaves old data without its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain

import redis

from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.target import Target

_MARK = "portal:kept-by-restore"
_TAKEN_BACK = "{name} taken back"
# KEYS: the mark. ARGV: how it must read in the spare databases ('' for none), how it will, pairs of live and spare ones.
_EXCHANGE = """
for pair = 3, #ARGV, 2 do
  redis.call('SELECT', ARGV[pair + 1])
  if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then return ARGV[pair + 1] end
end
for pair = 3, #ARGV, 2 do
  redis.call('SELECT', ARGV[pair])
  redis.call('SET', KEYS[1], ARGV[2])
end
for pair = 3, #ARGV, 2 do
  redis.call('SELECT', ARGV[pair + 1])
  redis.call('DEL', KEYS[1])
  redis.call('SWAPDB', ARGV[pair], ARGV[pair + 1])
end
return ''
"""
# KEYS: the mark. ARGV: two readings of it, either of which is ours; the databases.
_DROP = """
for number = 3, #ARGV do
  redis.call('SELECT', ARGV[number])
  local mark = redis.call('GET', KEYS[1])
  if mark ~= ARGV[1] and mark ~= ARGV[2] then return ARGV[number] end
end
for number = 3, #ARGV do
  redis.call('SELECT', ARGV[number])
  redis.call('FLUSHDB', 'ASYNC')
end
return ''
"""


class NotOurs(CannotRestore):
    """A spare database does not hold what a restore left there."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """Live databases and the spare ones that they are exchanged with; `name` tells one exchange from others."""

    name: str
    spare_of: Mapping[int, int]

    def spare(self, live: int) -> int:
        """Return the spare database of a live one."""
        return self.spare_of[live]


def check_memory(target: Target, *, needed_bytes: int) -> str:
    """Return a warning when it cannot be told whether there is memory for old and new at once, else ''.

    Raises CannotRestore when there is not.
    """
    try:
        memory = target.server.info("memory")
    except redis.RedisError:
        return "Whether there is memory for the old and the new data at once is not known: the server does not say."
    used, most = int(memory["used_memory"]), int(memory.get("maxmemory", 0))
    most = most or int(memory.get("total_system_memory", 0))
    if most and used + needed_bytes > most:
        raise CannotRestore(
            f"There is no memory for the old and the new data at once: {used:,} bytes are used, about {needed_bytes:,} "
            f"are needed, of {most:,}. Nothing was changed. Raise maxmemory, restore to another server with --to, or "
            "restore in place, without --whole."
        )
    return ""


def exchange(target: Target, *, exchange: Exchange) -> None:
    """Exchange all pairs and mark the old data as ours, in one step. Raises RestoreFailed."""
    try:
        _exchange(target, exchange, marked="", marking=exchange.name)
    except (redis.RedisError, NotOurs) as error:
        raise RestoreFailed(
            f"FAILED: whether the databases were exchanged is not known: {error}. The old data is in the live "
            f"databases or in {_listed(exchange)}: look before you change anything."
        ) from error


def go_back(target: Target, *, exchange: Exchange) -> None:
    """Exchange once more: the old data is live again, what was restored is in the spare databases, ours to empty.

    Does nothing where that was done before: else a second try would bring back what was restored. Raises NotOurs where
    the old data is not there any more, CannotRestore.
    """
    try:
        if not _is_taken_back(target, exchange):
            _exchange(target, exchange, marked=exchange.name, marking=_TAKEN_BACK.format(name=exchange.name))
    except redis.RedisError as error:
        raise CannotRestore(f"The old data could not be taken back: {error}. Try again.") from error


def drop(target: Target, *, exchange: Exchange) -> None:
    """Empty the spare databases. Raises NotOurs when one of them is not ours any more, CannotRestore."""
    ours = exchange.name, _TAKEN_BACK.format(name=exchange.name)
    try:
        _demand_ours(target, target.server.eval(_DROP, 1, _MARK, *ours, *exchange.spare_of.values()))
    except redis.RedisError as error:
        raise CannotRestore(f"The old data could not be dropped: {error}. It is tried again.") from error


def empty(target: Target, *, exchange: Exchange) -> None:
    """Empty what was restored into the spare databases and not exchanged: they were empty before."""
    for spare in exchange.spare_of.values():
        target.database(spare).flushdb(asynchronous=True)


def _exchange(target: Target, exchange: Exchange, *, marked: str, marking: str) -> None:
    pairs = chain.from_iterable(exchange.spare_of.items())
    _demand_ours(target, target.server.eval(_EXCHANGE, 1, _MARK, marked, marking, *pairs))


def _is_taken_back(target: Target, exchange: Exchange) -> bool:
    taken_back = _TAKEN_BACK.format(name=exchange.name).encode()
    return all(target.database(spare).get(_MARK) == taken_back for spare in exchange.spare_of.values())


def _demand_ours(target: Target, stranger: bytes) -> None:
    if stranger:
        raise NotOurs(
            f"Database {stranger.decode()} of {target.place} does not hold what a restore left there: "
            "somebody emptied or uses it. Nothing was changed."
        )


def _listed(exchange: Exchange) -> str:
    return ", ".join(f"database {spare} (for {live})" for live, spare in exchange.spare_of.items())
