"""A wire to Redis, for one question at a time and its answer.

redis-py opens it, as the address says. Over a plain socket what follows is asked without redis-py: that looks whether
there is anything to read before it reads, and makes ready for much that no script answers. Waiting in the read itself,
by the socket's own timeout, wakes a process sooner (`make bench`). Such a wait begins anew after a signal that Python
handles: a process with a timer of signals may wait for as long as a server hangs and that timer runs.
"""

import socket
import struct
import time
from typing import Any, TypeAlias

import hiredis
import redis
from redis.connection import DefaultParser
from redis.exceptions import InvalidResponse

Connection: TypeAlias = Any  # redis-py gives it few types

OPENING_SECONDS = 0.15
"""How long opening a wire may take before who waits for it asks nothing any more."""

_READ_BYTES = 4096
_PLAIN = (redis.Connection, redis.UnixDomainSocketConnection)
"""Not those that encrypt, and not Sentinel's, which looks into each answer for a failover."""


_NO_TIMEOUT_SECONDS = 86_400.0
_TOO_LATE = "Redis did not answer in time"


class OpenedLate(redis.RedisError):
    """The wire is open now, and kept for the next; who opened it has waited enough."""


class Wire:
    """One connection, which one thread uses at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None
        self._seconds = 0.0
        self._reader = hiredis.Reader()

    @property
    def is_open(self) -> bool:
        return bool(self._connection.is_connected)

    def ask(self, command: bytes) -> Any:
        """Return what the server answers to a packed command. Raises its errors, RedisError or OSError.

        After any error but the server's own the wire is closed: an answer that comes late must not be taken for that
        to the next question.
        """
        try:
            if self._socket is None:
                self._open()
            if self._socket is None:
                self._connection.send_packed_command([command], check_health=False)
                return self._connection.read_response()
            answer = self._exchange(self._socket, command)
        except redis.ReadOnlyError:
            # Behind one name another server may be the primary by now.
            self.close()
            raise
        except (redis.ResponseError, OpenedLate):
            raise
        except BaseException:
            self.close()
            raise
        return answer

    def close(self) -> None:
        """Close the connection; the next question opens it anew."""
        self._socket = None
        self._connection.disconnect()

    def _exchange(self, plain: socket.socket, command: bytes) -> Any:
        reader = self._reader
        ends_at = time.monotonic() + self._seconds
        try:
            plain.sendall(command)
            reader.feed(_received(plain))
            answer = reader.gets()
            if answer is False:
                answer = self._rest(plain, ends_at)
        except BlockingIOError:
            raise redis.TimeoutError(_TOO_LATE) from None
        if reader.has_data():
            raise InvalidResponse("The server answered more than it was asked")
        if isinstance(answer, Exception):
            raise answer
        return answer

    def _rest(self, plain: socket.socket, ends_at: float) -> Any:
        """Return an answer that comes in pieces, if all of it is there by a moment."""
        while (answer := self._reader.gets()) is False:
            if (seconds := ends_at - time.monotonic()) <= 0:
                raise redis.TimeoutError(_TOO_LATE)
            _wait_at_most(plain, seconds)
            self._reader.feed(_received(plain))
        _wait_at_most(plain, self._seconds)
        return answer

    def _open(self) -> None:
        if self.is_open:
            return
        began = time.monotonic()
        self._connection.connect()
        if type(self._connection) in _PLAIN:
            self._take_over(self._connection._sock)
        if time.monotonic() - began > OPENING_SECONDS:
            raise OpenedLate("Opening a connection took too long")

    def _take_over(self, plain: socket.socket) -> None:
        if type(plain).__module__ != "socket":
            # What stands in for one, as under gevent, may know no timeout but Python's.
            return
        self._seconds = plain.gettimeout() or _NO_TIMEOUT_SECONDS
        plain.setblocking(True)
        _wait_at_most(plain, self._seconds)
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=DefaultParser.parse_error)
        self._socket = plain


def _wait_at_most(plain: socket.socket, seconds: float) -> None:
    # Of 0 a socket waits without an end.
    microseconds = max(1, int(seconds * 1_000_000))
    timeout = struct.pack("@ll", *divmod(microseconds, 1_000_000))
    for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
        plain.setsockopt(socket.SOL_SOCKET, option, timeout)


def _received(plain: socket.socket) -> bytes:
    received = plain.recv(_READ_BYTES)
    if not received:
        raise redis.ConnectionError("The server closed the connection")
    return received
