"""Servers that answer what no server should: a page tells what it can of them, in time."""

import socket
import time
from contextlib import suppress

import pytest
from django.utils import timezone
from pytest_django import Settings

from portal.operations.inspecting.asking import NOT_UNDERSTOOD
from portal.operations.inspecting.look import ServerPage, look_at, sample_keys
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.taking.hostile import Answer, bulk, hostile

INFO = bulk(b"# Memory\r\nused_memory:5\r\n# Keyspace\r\ndb0:keys=1,expires=0,avg_ttl=0\r\n")
STRANGE = (
    b":5\r\n",
    b"$-1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*1\r\n*1\r\n:1\r\n",
    b"+\xff\r\n",
    b"-\r\n",
    bulk(b"\xff=\n,:=,"),
)
COMMANDS = ("INFO", "SLOWLOG", "CLIENT", "LATENCY", "CONFIG GET", "PING")


def look(url: str, settings: Settings) -> ServerPage:
    settings.REDIS = parse_redis_address(url)
    return look_at(settings.REDIS.place, source="redis", holds_counters=True, now=timezone.now())


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("answer", STRANGE)
def test_an_answer_that_makes_no_sense_costs_its_part_only(command: str, answer: bytes, settings: Settings) -> None:
    with hostile({"INFO": INFO, "SLOWLOG": b"*0\r\n", command: answer}) as url:
        page = look(url, settings)
    assert not page.failure
    assert page.slow_log.found == () or command == "SLOWLOG"
    assert page.cards.found or command == "INFO"


def test_what_is_no_redis_at_all_is_told(settings: Settings) -> None:
    with hostile({"INFO": b"HTTP/1.1 400 Bad Request\r\n\r\n"}) as url:
        assert look(url, settings).failure.startswith("It broke the connection off")


@pytest.mark.parametrize("answer", STRANGE)
@pytest.mark.parametrize("command", ["SCAN", "DBSIZE", "PTTL", "MEMORY", "TYPE"])
def test_a_sample_of_nonsense_is_no_error(command: str, answer: bytes, settings: Settings) -> None:
    answers: dict[str, Answer] = {
        "INFO": INFO,
        "DBSIZE": b":1\r\n",
        "SCAN": b"*2\r\n" + bulk(b"0") + b"*1\r\n" + bulk(b"a:1"),
        "PTTL": b":-1\r\n",
        "MEMORY": b":10\r\n",
        "TYPE": b"+string\r\n",
    }
    with hostile(answers | {command: answer}) as url:
        settings.REDIS = parse_redis_address(url)
        part = sample_keys(settings.REDIS.place, source="redis")
    assert part.found or part.failure == NOT_UNDERSTOOD


def test_nobody_waits_for_an_answer_that_comes_bit_by_bit(settings: Settings) -> None:
    def trickle(client: socket.socket) -> None:
        with suppress(OSError):
            client.sendall(b"$1000\r\n")
            for _ in range(20):
                client.sendall(b"x")
                time.sleep(0.2)

    with hostile({"INFO": trickle}) as url:
        began = time.monotonic()
        page = look(url, settings)
        took = time.monotonic() - began
    assert page.failure.startswith("It did not answer within 0.5 s")
    assert took < 3.5
