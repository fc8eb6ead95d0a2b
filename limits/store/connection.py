"""Asking Redis: its client, its scripts, and its errors, all of which become StoreUnavailable.

Counters and the policies' copy live in the database of the cache `RATELIMIT_USE_CACHE` (a django-redis backend),
whose connections and timeouts are used. Requests go through a breaker; what runs outside one (the keeper, publishing,
commands) asks all the same, and thereby notices first that Redis is back.
"""

import contextlib
import os
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import redis
from django.core.cache import caches
from hiredis import pack_command
from redis.exceptions import ClusterDownError, RedisClusterException

from limits.breaker import Breaker
from limits.conf import conf
from limits.exceptions import StoreUnavailable
from limits.store.scripts import Script
from limits.store.wire import OPENING_SECONDS, OpenedLate, Wire

Answer = TypeVar("Answer")

breaker = Breaker()


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
        if isinstance(error, redis.ResponseError | OpenedLate) and not isinstance(error, ClusterDownError):
            # The server answers, and others may fare better: one wrong key must not keep all from being counted.
            breaker.refused(failure)
        else:
            breaker.failed(failure)
            _let_go()
        raise StoreUnavailable(failure) from error
    breaker.succeeded()
    return answer


def run(script: Script, connection: redis.Redis, *, keys: Sequence[str], args: Sequence[str | int | bytes]) -> Any:
    """Return what a script answers."""
    told: tuple[Any, ...] = (len(keys), *keys, *args)
    ask = connection.execute_command if is_cluster(connection) else _ask
    try:
        return ask("EVALSHA", script.sha, *told)
    except redis.exceptions.NoScriptError:
        # On the same server: a Cluster has many, of which one may be away.
        return ask("EVAL", script.text, *told)


def _ask(*command: Any) -> Any:
    return _here().ask(pack_command(command))


def client() -> redis.Redis:
    """Return django-redis's client of the counters' database."""
    return _here().client


def forget_kept() -> None:
    """Let everybody take client and connections anew."""
    global _kept
    forgotten, _kept = _kept, None
    if forgotten is not None:
        forgotten.retire()


class _Connections:
    """The client of one Redis, and wires to it that nobody uses at the moment.

    They are not the pool's: taking one from that for every decision costs a fifth of a round trip. Nor are they a
    thread's: under ASGI each request has a thread of its own.
    """

    def __init__(self) -> None:
        backend: Any = caches[conf.cache_alias]
        self.client: redis.Redis = backend.client.get_client(write=True)
        self._free: list[Wire] = []
        self._is_retired = False

    def ask(self, command: bytes) -> Any:
        """Return what the server answers; over a wire that it closed, that is opened anew, once."""
        try:
            wire = self._free.pop()
        except IndexError:
            wire = self._made()
        was_open, began = wire.is_open, time.monotonic()
        try:
            return wire.ask(command)
        except (redis.ConnectionError, ConnectionError):
            # The server closed it while nobody asked, or is another one now; who has waited enough does not ask again.
            if not was_open or time.monotonic() - began > OPENING_SECONDS:
                raise
            return wire.ask(command)
        finally:
            self._free.append(wire)
            if self._is_retired:
                self.let_go()

    def retire(self) -> None:
        """Close every wire, those in use as soon as they are given back."""
        self._is_retired = True
        self.let_go()

    def let_go(self) -> None:
        """Close wires: after an outage each might lead to a server that hangs, or is not the one any more."""
        with contextlib.suppress(IndexError):
            while True:
                self._free.pop().close()

    def _made(self) -> Wire:
        # RESP2, and no name: so the greeting is no round trip but for a password and a database.
        pool = self.client.connection_pool
        return Wire(pool.connection_class(**pool.connection_kwargs | {"protocol": 2, "driver_info": None}))


_kept: _Connections | None = None
_making = threading.Lock()


def _here() -> _Connections:
    return _kept or _made_here()


def _made_here() -> _Connections:
    # By one thread: what another made beside it would be dropped with a wire open.
    global _kept
    with _making:
        made = _kept = _kept or _Connections()
    return made


def _let_go() -> None:
    if _kept is not None:
        _kept.let_go()


def _begin_anew() -> None:
    """Leave the wires of the parent to it, in a process that was forked off."""
    global _kept, _making
    _kept, _making = None, threading.Lock()


os.register_at_fork(after_in_child=_begin_anew)


def is_cluster(connection: redis.Redis) -> bool:
    """Say whether keys of several policies or clients are in several places."""
    return not isinstance(connection, redis.Redis)


def text(value: bytes | str | None) -> str:
    """Return what Redis answered as text; '' for nothing. What is no UTF-8 is none of ours, and looks like it."""
    return value.decode(errors="replace") if isinstance(value, bytes) else value or ""


def _in_a_line(error: Exception) -> str:
    # Some errors of redis-py tell every connection that they tried, with all that it was made with.
    line = " ".join((str(error) or type(error).__name__).split()).partition(" : <redis.")[0].rstrip(".")
    return line if len(line) <= 200 else f"{line[:200]}…"
