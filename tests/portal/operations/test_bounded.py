"""Servers whose answers have no end: nobody reads on for good."""

import socket
import time
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import UTC, datetime
from typing import Any

import pytest

from portal.operations import bounded
from portal.operations.checklist.asking import Away
from portal.operations.checklist.asking import Server as Checked
from portal.operations.inspecting.asking import NoAnswer as NotInspected
from portal.operations.inspecting.asking import session_with
from portal.operations.watching.reading.asking import ask
from portal.operations.watching.reading.connecting import NoAnswer
from portal.redis_address import RedisAddress, parse_redis_address
from tests.portal.operations.backups.taking.hostile import hostile

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ANSWERS_MAX = 6.0
"""Seconds: of each of those who ask, more than it waits for one answer."""


def trickle(client: socket.socket) -> None:
    with suppress(OSError):
        client.sendall(b"$1000\r\n")
        for _ in range(200):
            client.sendall(b"x")
            time.sleep(0.1)


def flood(client: socket.socket) -> None:
    with suppress(OSError):
        client.sendall(b"$10000000000\r\n")
        while True:
            client.sendall(b"x" * 65_536)


def watched(address: RedisAddress) -> None:
    ask(address, at=NOW)


def inspected(address: RedisAddress) -> None:
    with session_with(address) as session:
        session.ask("INFO")


def checked(address: RedisAddress) -> None:
    with closing(Checked(address, parts=frozenset())) as server:
        server.ask("INFO")


ASKED = pytest.mark.parametrize(("asked", "error"), [(watched, NoAnswer), (inspected, NotInspected), (checked, Away)])


@ASKED
def test_an_answer_that_comes_in_bits_is_given_up(asked: Callable[[Any], None], error: type[Exception]) -> None:
    with hostile({"INFO": trickle}) as url:
        began = time.monotonic()
        with pytest.raises(error, match=r"answer within|comes in bits|Timeout"):
            asked(parse_redis_address(url))
        took = time.monotonic() - began
    assert took < ANSWERS_MAX


@ASKED
def test_an_answer_without_an_end_is_given_up(
    asked: Callable[[Any], None], error: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "BYTES_MAX", 1_000_000)
    with hostile({"INFO": flood}) as url, pytest.raises(error, match="its answer has no end"):
        asked(parse_redis_address(url))
