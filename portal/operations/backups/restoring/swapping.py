"""Whole databases, restored beside the live ones, compared, and exchanged with them in one step.

The old data stays in the spare databases: exchanging once more goes back to it. A key of ours in each spare one says
what it holds: a database that lost it is not ours to empty. The server looks at these keys, exchanges and writes them
anew in one step (a script), so nothing that happens in between, be it our own end, leaves old data without its key.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import chain

import redis

from portal.operations.backups.restoring.errors import CannotRestore, RestoreFailed, reason_of
from portal.operations.backups.restoring.target import Target

_KEY = "portal:kept-by-restore:{name}"
_FILLING, _KEPT, _TAKEN_BACK = "being filled", "kept", "taken back"
"""What the key says that its database is, or holds."""
# KEYS: the mark. ARGV: what it will say, the spare databases.
_CLAIM = """
for number = 2, #ARGV do
  redis.call('SELECT', ARGV[number])
  if redis.call('DBSIZE') > 0 then return ARGV[number] end
end
for number = 2, #ARGV do
  redis.call('SELECT', ARGV[number])
  redis.call('SET', KEYS[1], ARGV[1])
end
return ''
"""
# KEYS: the mark. ARGV: what it must say in the spare databases, what it will, pairs of live and spare databases.
# Exchanged with itself nothing changes: a user who may not exchange is refused there.
_EXCHANGE = """
redis.call('SWAPDB', ARGV[3], ARGV[3])
for pair = 3, #ARGV, 2 do
  redis.call('SELECT', ARGV[pair + 1])
  if redis.call('GET', KEYS[1]) ~= ARGV[1] then return ARGV[pair + 1] end
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
# KEYS: the mark. ARGV: the spare databases.
_DROP = """
for number = 1, #ARGV do
  redis.call('SELECT', ARGV[number])
  if redis.call('EXISTS', KEYS[1]) == 0 then return ARGV[number] end
end
for number = 1, #ARGV do
  redis.call('SELECT', ARGV[number])
  redis.call('FLUSHDB', 'ASYNC')
end
return ''
"""


class Stage(StrEnum):
    """Where a restore of whole databases stands: what somebody has to know who finds it broken off."""

    FILLING = "filling"
    KEPT = "kept"


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


def run_id(target: Target) -> str:
    """Return what tells one run of one server from all others; '' where it may not be asked. Raises redis.RedisError.

    A server that takes over from another may lack what the other had told no replica yet.
    """
    try:
        return str(target.server.info("server")["run_id"])
    except redis.ResponseError:
        return ""


def claim(target: Target, *, exchange: Exchange) -> None:
    """Mark the spare databases, which must be empty, as those of this restore. Raises CannotRestore."""
    try:
        stranger = _run(_CLAIM, target, exchange, _FILLING, *exchange.spare_of.values())
    except redis.RedisError as error:
        raise CannotRestore(f"The spare databases cannot be used: {error}. Nothing was changed.") from error
    if stranger:
        raise CannotRestore(f"Somebody has just begun to use database {stranger}. Nothing was changed. Try again.")


def exchange(target: Target, *, exchange: Exchange) -> None:
    """Exchange all pairs and mark the old data as kept, in one step.

    Raises CannotRestore when the server refused: nothing was changed. Raises RestoreFailed when nobody knows.
    """
    try:
        _swap(target, exchange, said=_FILLING, says=_KEPT)
    except redis.ResponseError as error:
        raise CannotRestore(f"The server does not exchange databases: {error}. Nothing was changed.") from error
    except redis.RedisError as error:
        raise RestoreFailed(
            f"FAILED: whether the databases were exchanged is not known: {reason_of(error)}. The old data is in the "
            f"live databases or in {_listed(exchange)}: look before you change anything."
        ) from error


def go_back(target: Target, *, exchange: Exchange) -> None:
    """Exchange once more: the old data is live again, what was restored is in the spare databases, ours to empty.

    Does nothing where that was done before: else a second try would bring back what was restored. Raises NotOurs where
    the old data is not there any more, CannotRestore.
    """
    try:
        if not _is_taken_back(target, exchange):
            _swap(target, exchange, said=_KEPT, says=_TAKEN_BACK)
    except redis.RedisError as error:
        raise CannotRestore(f"The old data could not be taken back: {reason_of(error)}. Try again.") from error


def drop(target: Target, *, exchange: Exchange) -> None:
    """Empty the spare databases. Raises NotOurs when one of them is not ours any more, CannotRestore."""
    try:
        _demand_ours(target, _run(_DROP, target, exchange, *exchange.spare_of.values()))
    except redis.RedisError as error:
        raise CannotRestore(
            f"The spare databases could not be emptied: {reason_of(error)}. It is tried again."
        ) from error


def _swap(target: Target, exchange: Exchange, *, said: str, says: str) -> None:
    pairs = chain.from_iterable(exchange.spare_of.items())
    _demand_ours(target, _run(_EXCHANGE, target, exchange, said, says, *pairs))


def _run(script: str, target: Target, exchange: Exchange, *arguments: str | int) -> str:
    """Run a script on the key of an exchange; return the database that keeps it from its work, '' for none."""
    if not exchange.spare_of:
        return ""
    answer: bytes = target.server.eval(script, 1, _KEY.format(name=exchange.name), *arguments)
    return answer.decode()


def _is_taken_back(target: Target, exchange: Exchange) -> bool:
    key = _KEY.format(name=exchange.name)
    return all(target.database(spare).get(key) == _TAKEN_BACK.encode() for spare in exchange.spare_of.values())


def _demand_ours(target: Target, stranger: str) -> None:
    if stranger:
        raise NotOurs(
            f"Database {stranger} of {target.place} does not hold what a restore left there: "
            "somebody emptied or uses it. Nothing was changed."
        )


def _listed(exchange: Exchange) -> str:
    return ", ".join(f"database {spare} (for {live})" for live, spare in exchange.spare_of.items())
