"""One question, one answer: with a server that answers in pieces, late, wrongly, or too much."""

import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
import redis
from redis.exceptions import InvalidResponse

from limits.store.wire import Wire

TIMEOUT_SECONDS = 0.2
PROMISED_SECONDS = 0.3
ASKED = b"*1\r\n$4\r\nPING\r\n"

Pieces = Sequence[bytes | float]
"""What is sent, and seconds to wait in between."""


@contextmanager
def answering(*answers: Pieces, close: bool = False) -> Iterator[Wire]:
    """Give a wire to a server that answers each question by the next of these, over as many connections as it takes."""
    left = iter(answers)
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                threading.Thread(target=answer, args=(connection,), daemon=True).start()

        def answer(connection: socket.socket) -> None:
            with connection:
                while connection.recv(4096):
                    for piece in next(left):
                        if isinstance(piece, float):
                            time.sleep(piece)
                            continue
                        try:
                            connection.sendall(piece)
                        except OSError:
                            return
                    if close:
                        return

        threading.Thread(target=serve, daemon=True).start()
        port = listening.getsockname()[1]
        wire = Wire(
            redis.Connection(
                host="127.0.0.1",
                port=port,
                protocol=2,
                driver_info=None,
                socket_timeout=TIMEOUT_SECONDS,
                socket_connect_timeout=TIMEOUT_SECONDS,
            )
        )
        yield wire
        wire.close()
        listening.shutdown(socket.SHUT_RDWR)


def seconds_of(ask: Callable[[], object]) -> float:
    began = time.monotonic()
    with pytest.raises(redis.TimeoutError):
        ask()
    return time.monotonic() - began


def test_an_answer_in_pieces_is_put_together() -> None:
    with answering([b"*2\r\n:", 0.01, b"17\r\n", 0.01, b":600", 0.01, b"00\r\n"], [b":2\r\n"]) as wire:
        assert wire.ask(ASKED) == [17, 60_000]
        assert wire.ask(ASKED) == 2


def test_after_an_answer_in_pieces_the_next_may_take_as_long_as_ever() -> None:
    with answering([b":", 0.12, b"1\r\n"], [0.12, b":2\r\n"]) as wire:
        assert [wire.ask(ASKED), wire.ask(ASKED)] == [1, 2]


@pytest.mark.parametrize(
    "pieces", [[1.0, b":1\r\n"], [piece for sign in b":1234567" for piece in (bytes([sign]), 0.1)]]
)
def test_nobody_waits_longer_than_promised_however_an_answer_drips(pieces: Pieces) -> None:
    with answering(pieces) as wire:
        wire._open()
        assert seconds_of(lambda: wire.ask(ASKED)) < PROMISED_SECONDS
        assert not wire.is_open


def test_an_answer_that_comes_late_is_not_taken_for_that_to_the_next_question() -> None:
    with answering([0.3, b":1\r\n"], [b":2\r\n"]) as wire:
        seconds_of(lambda: wire.ask(ASKED))
        assert wire.ask(ASKED) == 2


def test_an_answer_too_many_is_not_taken_for_that_to_the_next_question() -> None:
    with answering([b":1\r\n:666\r\n"], [b":2\r\n"]) as wire:
        with pytest.raises(InvalidResponse):
            wire.ask(ASKED)
        assert wire.ask(ASKED) == 2


@pytest.mark.parametrize("rubbish", [b"HTTP/1.1 400\r\n\r\n", b"$-7\r\n"])
def test_rubbish_closes_the_wire(rubbish: bytes) -> None:
    with answering([rubbish]) as wire:
        with pytest.raises((InvalidResponse, redis.RedisError)):
            wire.ask(ASKED)
        assert not wire.is_open


def test_a_servers_error_leaves_the_wire_open() -> None:
    with answering([b"-NOSCRIPT No matching script\r\n"], [b":2\r\n"]) as wire:
        with pytest.raises(redis.exceptions.NoScriptError):
            wire.ask(ASKED)
        assert wire.is_open
        assert wire.ask(ASKED) == 2


def test_a_replica_is_left_for_whoever_is_the_primary_by_then() -> None:
    with answering([b"-READONLY You can't write against a read only replica.\r\n"], [b":2\r\n"]) as wire:
        with pytest.raises(redis.ReadOnlyError):
            wire.ask(ASKED)
        assert not wire.is_open
        assert wire.ask(ASKED) == 2


def test_a_server_that_is_loading_is_left() -> None:
    with answering([b"-LOADING Redis is loading the dataset in memory\r\n"]) as wire:
        with pytest.raises(redis.BusyLoadingError):
            wire.ask(ASKED)
        assert not wire.is_open


def test_a_server_that_closes_is_said_to_have_closed() -> None:
    with answering([b":1\r\n"], [b":2\r\n"], close=True) as wire:
        assert wire.ask(ASKED) == 1
        with pytest.raises((redis.ConnectionError, ConnectionError)):
            wire.ask(ASKED)
        assert wire.ask(ASKED) == 2
