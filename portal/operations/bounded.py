"""Connections to servers that may lie: an answer is read for so many seconds and so many bytes, and no more.

A timeout of redis-py is one of silence: who sends a byte at a time, or never ends, holds whoever reads for good.
"""

import errno
import time
from typing import Any

import redis

from portal.redis_address import Client, RedisAddress, patience_of

BYTES_MAX = 32 * 1024 * 1024
"""CLIENT LIST of a hundred thousand clients."""


def bounded_client_of(
    address: RedisAddress, *, connect_seconds: float, answer_seconds: float, **options: Any
) -> Client:
    """Return a client of the one server at an address, which tries nothing twice; see `bounded_pool`."""
    pool = bounded_pool(address, connect_seconds=connect_seconds, answer_seconds=answer_seconds, **options)
    return redis.Redis.from_pool(pool)


def bounded_pool(
    address: RedisAddress, *, connect_seconds: float, answer_seconds: float, **options: Any
) -> redis.ConnectionPool:
    """Return a pool of connections to the one server at an address.

    For what was asked at once they wait through a silence of `answer_seconds`, and twice as long for all of it.
    """
    patience = patience_of(connect_seconds=connect_seconds, answer_seconds=answer_seconds)
    pool = redis.ConnectionPool.from_url(address.url, **patience, **options)
    pool.connection_class = _BOUNDED[pool.connection_class]
    return pool


class _BoundedSocket:
    """A socket that reads so much, for so long, after each time that something was sent."""

    def __init__(self, within: Any, *, seconds: float) -> None:
        self._within = within
        self._seconds = seconds
        self._begin()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._within, name)

    def sendall(self, *args: Any) -> None:
        """Send, and begin anew."""
        self._begin()
        self._within.sendall(*args)

    def recv(self, *args: Any) -> bytes:
        """Receive. Raises TimeoutError and OSError where it is too much."""
        self._check()
        received: bytes = self._within.recv(*args)
        self._bytes_left -= len(received)
        return received

    def recv_into(self, *args: Any) -> int:
        """Receive into a buffer. Raises TimeoutError and OSError where it is too much."""
        self._check()
        number: int = self._within.recv_into(*args)
        self._bytes_left -= number
        return number

    def _begin(self) -> None:
        self._ends_at = time.monotonic() + self._seconds
        self._bytes_left = BYTES_MAX

    def _check(self) -> None:
        if self._bytes_left <= 0:
            raise OSError(errno.EMSGSIZE, "its answer has no end")
        if time.monotonic() > self._ends_at:
            raise TimeoutError("its answer comes in bits")


class _Bounded:
    """Wraps the socket of a connection."""

    def _connect(self) -> _BoundedSocket:
        beside: Any = super()
        connection: Any = self
        return _BoundedSocket(beside._connect(), seconds=2 * connection.socket_timeout)


class _Plain(_Bounded, redis.Connection):
    pass


class _Secure(_Bounded, redis.SSLConnection):
    pass


class _Local(_Bounded, redis.UnixDomainSocketConnection):
    pass


_BOUNDED: dict[Any, Any] = {
    redis.Connection: _Plain,
    redis.SSLConnection: _Secure,
    redis.UnixDomainSocketConnection: _Local,
}
