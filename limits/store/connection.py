"""Asking Redis: its client, its scripts, and its errors, all of which become StoreUnavailable.

Counters and the policies' copy live in the database of the cache `RATELIMIT_USE_CACHE` (a django-redis backend),
whose connections and timeouts are used. Requests go through a breaker; what runs outside one (the keeper, publishing,
commands) asks all the same, and thereby notices first that Redis is back.
"""

import contextlib
import os
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import redis
from django.core.cache import caches
from hiredis import pack_command
from redis.cluster import RedisCluster
from redis.commands.core import Script
from redis.exceptions import ClusterDownError, RedisClusterException

from limits.breaker import Breaker
from limits.conf import conf
from limits.exceptions import StoreUnavailable

Answer = TypeVar("Answer")
Connection: TypeAlias = Any  # redis-py gives it few types

breaker = Breaker()

OPENING_SECONDS = 0.15
"""How long opening a connection may take before who waits for it asks nothing any more."""

_LUA = Path(__file__).parent.parent / "lua"


def in_request(ask: Callable[[redis.Redis], Answer]) -> Answer:
    """Return what Redis answers, asked only when it answered lately. Raises StoreUnavailable."""
    if not breaker.may_ask():
        raise StoreUnavailable("Redis did not answer a moment ago")
    return outside_request(ask)


def outside_request(ask: Callable[[redis.Redis], Answer]) -> Answer:
    """Return what Redis answers, asked in any case. Raises StoreUnavailable."""
    try:
        answer = ask(client())
    except (redis.RedisError, RedisClusterException, OSError) as error:
        failure = _in_a_line(error)
        if isinstance(error, redis.ResponseError | _OpenedLate) and not isinstance(error, ClusterDownError):
            # The server answers, and others may fare better: one wrong key must not keep all from being counted.
            breaker.refused(failure)
        else:
            breaker.failed(failure)
            _let_go()
        raise StoreUnavailable(failure) from error
    breaker.succeeded()
    return answer


def run(name: str, connection: redis.Redis, *, keys: Sequence[str], args: Sequence[str | int]) -> Any:
    """Run the script of that name in `limits/lua`."""
    script = _script(name)
    told: tuple[Any, ...] = (len(keys), *keys, *args)
    try:
        return _ask(connection, ("EVALSHA", script.sha, *told))
    except redis.exceptions.NoScriptError:
        # On the same server: a Cluster has many, of which one may be away.
        return _ask(connection, ("EVAL", script.script, *told))


def _ask(connection: redis.Redis, command: tuple[Any, ...]) -> Any:
    if is_cluster(connection):
        return connection.execute_command(*command)  # type: ignore[no-untyped-call]
    return _here().ask(pack_command(command))


def client() -> redis.Redis:
    """Return django-redis's client of the counters' database."""
    return _here().client


def forget_kept() -> None:
    """Let everybody take client and connections anew."""
    global _kept
    _let_go()
    _kept = None


class _Connections:
    """The client of one Redis, and connections to it that nobody uses at the moment.

    They are not the pool's: taking one from that for every decision costs a fifth of a round trip. Nor are they a
    thread's: under ASGI each request has a thread of its own.
    """

    def __init__(self, alias: str) -> None:
        backend: Any = caches[alias]
        self.alias = alias
        self.pid = os.getpid()
        self.client: redis.Redis = backend.client.get_client(write=True)
        self._free: list[Connection] = []

    def ask(self, command: bytes) -> Any:
        """Return what the server answers; a connection that it closed is opened anew, once."""
        try:
            connection = self._free.pop()
        except IndexError:
            connection = self._made()
        was_open = connection.is_connected
        try:
            return _asked_over(connection, command)
        except (redis.TimeoutError, redis.ResponseError):
            raise
        except redis.ConnectionError:
            # The server closed it while nobody asked, or is another one now.
            if not was_open:
                raise
            return _asked_over(connection, command)
        finally:
            self._free.append(connection)

    def let_go(self) -> None:
        """Close connections: after an outage each might lead to a server that hangs, or is not the one any more."""
        with contextlib.suppress(IndexError):
            while True:
                self._free.pop().disconnect()

    def _made(self) -> Connection:
        # RESP2, and no name: so the greeting is no round trip but for a password and a database.
        pool = self.client.connection_pool
        return pool.connection_class(**pool.connection_kwargs | {"protocol": 2, "driver_info": None})


_kept: _Connections | None = None


def _here() -> _Connections:
    """Return what is kept for the configured Redis; a process that was forked off begins anew."""
    global _kept
    here, alias = _kept, conf.cache_alias
    if here is None or here.alias != alias or here.pid != os.getpid():
        here = _kept = _Connections(alias)
    return here


def _asked_over(connection: Connection, command: bytes) -> Any:
    try:
        if not connection.is_connected:
            _open(connection)
        connection.send_packed_command([command], check_health=False)
        return connection.read_response()
    except (redis.ResponseError, _OpenedLate):
        raise
    except BaseException:
        # An answer that comes late must not be taken for that to the next question.
        connection.disconnect()
        raise


def _open(connection: Connection) -> None:
    began = time.monotonic()
    connection.connect()
    if time.monotonic() - began > OPENING_SECONDS:
        raise _OpenedLate("Opening a connection took too long")


class _OpenedLate(redis.RedisError):
    """A connection is open now, and kept for the next; who opened it has waited enough."""


def _let_go() -> None:
    if _kept is not None:
        _kept.let_go()


def is_cluster(connection: redis.Redis) -> bool:
    """Say whether keys of several policies or clients are in several places."""
    return isinstance(connection, RedisCluster)


def text(value: bytes | str | None) -> str:
    """Return what Redis answered as text; '' for nothing. What is no UTF-8 is none of ours, and looks like it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


@cache
def _script(name: str) -> Script:
    return Script(client(), (_LUA / f"{name}.lua").read_text())


def _in_a_line(error: Exception) -> str:
    # Some errors of redis-py tell every connection that they tried, with all that it was made with.
    line = " ".join((str(error) or type(error).__name__).split()).partition(" : <redis.")[0].rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"
