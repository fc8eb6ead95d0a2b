"""Whole databases, restored beside the live ones, compared, and exchanged with them in one step.

The old data stays in the spare databases: exchanging once more goes back to it. A key of ours in each spare one says
whose it is: a database that lost it is not ours to empty.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import redis

from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed
from portal.operations.backups.restoring.target import Target

_MARK = "portal:kept-by-restore"


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
    """Exchange all pairs in one step, and mark the old data as ours. Raises RestoreFailed."""
    try:
        _swap(target, exchange)
        for spare in exchange.spare_of.values():
            target.database(spare).set(_MARK, exchange.name)
    except redis.RedisError as error:
        raise RestoreFailed(
            f"FAILED: the databases were not exchanged, or not marked: {error}. The old data is in the live databases "
            f"or in {_listed(exchange)}: look before you change anything."
        ) from error


def go_back(target: Target, *, exchange: Exchange) -> None:
    """Exchange once more: the old data is live again, what was restored is in the spare databases, ours to empty.

    Raises CannotRestore.
    """
    try:
        _demand_marks(target, exchange)
        for spare in exchange.spare_of.values():
            target.database(spare).delete(_MARK)
        _swap(target, exchange)
        for spare in exchange.spare_of.values():
            target.database(spare).set(_MARK, exchange.name)
    except redis.RedisError as error:
        raise CannotRestore(f"The old data could not be taken back: {error}. Try again.") from error


def drop(target: Target, *, exchange: Exchange) -> None:
    """Empty the spare databases. Raises NotOurs when one of them is not ours any more, CannotRestore."""
    try:
        _demand_marks(target, exchange)
        for spare in exchange.spare_of.values():
            target.database(spare).flushdb(asynchronous=True)
    except redis.RedisError as error:
        raise CannotRestore(f"The old data could not be dropped: {error}. It is tried again.") from error


def empty(target: Target, *, exchange: Exchange) -> None:
    """Empty what was restored into the spare databases and not exchanged: they were empty before."""
    for spare in exchange.spare_of.values():
        target.database(spare).flushdb(asynchronous=True)


def _swap(target: Target, exchange: Exchange) -> None:
    pipeline = target.server.pipeline(transaction=True)
    for live, spare in exchange.spare_of.items():
        pipeline.swapdb(live, spare)
    pipeline.execute()


def _demand_marks(target: Target, exchange: Exchange) -> None:
    strangers = [
        spare for spare in exchange.spare_of.values() if target.database(spare).get(_MARK) != exchange.name.encode()
    ]
    if strangers:
        raise NotOurs(
            f"Database {', '.join(map(str, strangers))} of {target.place} does not hold what a restore left there: "
            "somebody emptied or uses it. Nothing was changed."
        )


def _listed(exchange: Exchange) -> str:
    return ", ".join(f"database {spare} (for {live})" for live, spare in exchange.spare_of.items())
