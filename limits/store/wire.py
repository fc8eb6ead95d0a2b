"""A wire to Redis, for one question at a time and its answer.

redis-py opens it, as the address says. Over a plain socket what follows is asked without redis-py: that looks whether
there is anything to read before it reads, and makes ready for much that no script answers. Waiting in the read itself,
by the socket's own timeout, wakes a process sooner (`make bench`).
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


class OpenedLate(redis.RedisError):
    """The wire is open now, and kept for the next; who opened it has waited enough."""


class Wire:
    """One connection, which one thread uses at a time."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._socket: socket.socket | None = None
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
        try:
            plain.sendall(command)
            while (answer := reader.gets()) is False:
                received = plain.recv(_READ_BYTES)
                if not received:
                    raise redis.ConnectionError("The server closed the connection")
                reader.feed(received)
        except BlockingIOError:
            raise redis.TimeoutError("Redis did not answer in time") from None
        if isinstance(answer, Exception):
            raise answer
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
        seconds = plain.gettimeout() or 0.0
        timeout = struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))
        plain.setblocking(True)
        for option in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            plain.setsockopt(socket.SOL_SOCKET, option, timeout)
        self._reader = hiredis.Reader(protocolError=InvalidResponse, replyError=DefaultParser.parse_error)
        self._socket = plain
