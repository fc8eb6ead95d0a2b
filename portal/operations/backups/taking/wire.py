"""Over the wire: the replication stream of a server, which begins with its data as an RDB file.

The protocol is that of replication.c: `REPLCONF rdb-only 1` (the server closes after the file), `REPLCONF capa eof`
(it sends without writing a file of its own), then PSYNC or SYNC. The answer comes after newlines that keep the
connection alive: `$<length>` and the file, or `$EOF:<40 bytes>`, the file, and the same 40 bytes.

`REPLCONF version` is not sent at first: without it a Valkey writes the format that Redis reads too. What that cannot
hold, such as fields of hashes that expire, ends its child in the middle of the data; with it, it writes its own format.
"""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import redis

from portal.operations.backups.taking.connecting import CONNECT_SECONDS, telling
from portal.operations.backups.taking.errors import CannotTake, WayClosed
from portal.operations.backups.taking.landing import CHUNK_BYTES, Landing
from portal.redis_address import RedisAddress

SILENCE_SECONDS = 70.0
"""Longer than `repl-timeout`, 60 s; a server that has nothing to send yet sends a newline each second."""

_MARK_BYTES = 40
_LINE_BYTES_MAX = 64 * 1024
_DIGITS_MAX = 18


def stream(address: RedisAddress, *, into: Landing, version: str = "") -> str:
    """Write a server's data into a file; return the replid:offset that it is of, '' where the server did not say.

    With `version`, a Valkey's own, it comes in Valkey's own format. Sends no SELECT: it takes all databases. Raises
    WayClosed where an ACL forbids it, Broken when the server ends the connection, CannotTake for any other failure.
    """
    with _replica_connection(address, version=version) as connection:
        incoming = _Incoming(connection._sock, place=address.place, waits=into.waits)
        replication, announced = _ask_for_data(connection, incoming)
        if announced.startswith(b"EOF:") and len(announced) == 4 + _MARK_BYTES:
            incoming.copy_until(announced[4:], into=into)
        elif announced.isdigit() and len(announced) <= _DIGITS_MAX:
            incoming.copy(int(announced), into=into)
        else:
            raise _no_redis(incoming.place)
    return replication


@contextmanager
def _replica_connection(address: RedisAddress, *, version: str) -> Iterator[Any]:
    """Yield a connection of redis-py, open, on which the server was told what kind of replica asks."""
    client = redis.Redis.from_url(
        address.url, protocol=2, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=SILENCE_SECONDS
    )
    connection: Any = client.connection_pool.make_connection()
    try:
        with telling(address.place):
            connection.connect()
            _introduce(connection, place=address.place, version=version)
            yield connection
    finally:
        connection.disconnect()
        client.close()


def _introduce(connection: Any, *, place: str, version: str) -> None:
    told = (("version", version),) if version else ()
    for option in (("rdb-only", "1"), ("capa", "eof"), *told):
        connection.send_command("REPLCONF", *option)
        try:
            connection.read_response()
        except redis.ResponseError as error:
            # Without them the server would write a file on its own disk, and keep us as a replica.
            raise WayClosed(
                f"{place} does not let its data out over the wire ({error}): "
                "that takes a user with `+psync +replconf`, and a server of version 7.0 or later."
            ) from error


def _ask_for_data(connection: Any, incoming: "_Incoming") -> tuple[str, bytes]:
    """Return the replid:offset, and how the data comes: its length, or `EOF:` and the mark."""
    connection.send_command("PSYNC", "?", "-1")
    replication = ""
    line = incoming.line()
    if _is_forbidden(line):
        connection.send_command("SYNC")
        line = incoming.line()
    if line.startswith(b"+FULLRESYNC "):
        replication = line.removeprefix(b"+FULLRESYNC ").decode(errors="replace").replace(" ", ":")
        line = incoming.line()
    if not line.startswith(b"$"):
        raise _refusal(line, place=incoming.place)
    return replication, line[1:]


class Broken(CannotTake):
    """The server ended the connection before its data was whole."""


class _Incoming:
    """What a server sends, read through one buffer that is used again and again."""

    def __init__(self, plain: socket.socket, *, place: str, waits: Callable[[], None] = lambda: None) -> None:
        self.place = place
        self._waits = waits
        self._socket = plain
        self._buffer = bytearray(2 * CHUNK_BYTES)
        self._view = memoryview(self._buffer)
        self._begin = self._end = 0

    def line(self) -> bytes:
        """Return the next line that is not empty."""
        while True:
            at = self._buffer.find(b"\n", self._begin, self._end)
            if at < 0:
                self._receive_more_of_a_line()
                continue
            line = bytes(self._view[self._begin : at]).strip()
            self._begin = at + 1
            if line:
                return line
            # A server that lets us wait, for long at times, says so.
            self._waits()

    def copy(self, size: int, *, into: Landing) -> None:
        """Copy so many bytes."""
        into.total_bytes = size
        while into.size_bytes + self._held < size:
            if self._held >= CHUNK_BYTES:
                self._hand_over(into, but=0)
            self._receive(into)
        self._hand_over(into, but=self._held + into.size_bytes - size)

    def copy_until(self, mark: bytes, *, into: Landing) -> None:
        """Copy what comes before the mark, which is the last that a server sends."""
        while self._held < _MARK_BYTES or self._buffer[self._end - _MARK_BYTES : self._end] != mark:
            if self._held >= CHUNK_BYTES:
                self._hand_over(into, but=_MARK_BYTES)
            self._receive(into)
        self._hand_over(into, but=_MARK_BYTES)

    @property
    def _held(self) -> int:
        return self._end - self._begin

    def _hand_over(self, into: Landing, *, but: int) -> None:
        """Write what is held but for the last bytes, which move to the front."""
        into.write(self._view[self._begin : self._end - but])
        self._buffer[:but] = self._buffer[self._end - but : self._end]
        self._begin, self._end = 0, but

    def _receive(self, into: Landing) -> None:
        into.waits()
        try:
            received = self._socket.recv_into(self._view[self._end :])
        except TimeoutError:
            raise CannotTake(
                f"{self.place} has sent nothing for {SILENCE_SECONDS:g} s, in the middle of its data; what came is "
                "removed. Look whether the server hangs, and try again."
            ) from None
        except OSError as error:
            raise self._cut(into.size_bytes) from error
        if not received:
            raise self._cut(into.size_bytes + self._held)
        self._end += received

    def _receive_more_of_a_line(self) -> None:
        if self._held > _LINE_BYTES_MAX:
            raise _no_redis(self.place)
        if self._begin == self._end:
            self._begin = self._end = 0
        try:
            received = self._socket.recv_into(self._view[self._end : self._end + _LINE_BYTES_MAX])
        except OSError as error:
            raise CannotTake(f"{self.place} began no backup: {error}. Look at its log, and try again.") from error
        if not received:
            raise Broken(f"{self.place} closed the connection before any data. Look at its log, and try again.")
        self._end += received

    def _cut(self, size_bytes: int) -> Broken:
        return Broken(
            f"The connection to {self.place} broke after {size_bytes:,} bytes; what came is removed. "
            "Look whether the server still runs, and at its log, and try again."
        )


def _no_redis(place: str) -> CannotTake:
    return CannotTake(f"{place} does not speak the replication protocol. Look at its address.")


def _is_forbidden(line: bytes) -> bool:
    return line.startswith(b"-NOPERM") or line.lower().startswith(b"-err unknown command")


def _refusal(line: bytes, *, place: str) -> CannotTake:
    said = line.decode(errors="replace").lstrip("-")
    if _is_forbidden(line):
        return WayClosed(
            f"{place} does not let its data out over the wire ({said}): that takes a user with `+psync +replconf`."
        )
    if said.startswith("NOMASTERLINK"):
        return CannotTake(
            f"The replica {place} has lost its primary, and gives no data. Take the backup from another server, or "
            "see to its link (INFO replication) first."
        )
    if said.startswith("LOADING"):
        return CannotTake(f"{place} is still loading its data from disk. Try again when it has.")
    if "BGSAVE failed" in said:
        return CannotTake(
            f"{place} could not make a copy of itself to read from ({said}). It lacks memory or processes: "
            "look at its log, at vm.overcommit_memory and at the host's limits."
        )
    return CannotTake(f"{place} refused to send its data: {said}.")
