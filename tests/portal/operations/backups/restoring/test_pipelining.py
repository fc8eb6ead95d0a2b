"""Many commands at once are answered one by one, and an answer never goes to another's command."""

from collections.abc import Iterator
from typing import Any

import pytest
import redis

from portal.operations.backups.restoring import pipelining
from portal.operations.backups.restoring.batches import BYTES_MAX
from portal.operations.backups.restoring.pipelining import answers, demanded
from tests.portal.operations.backups.restoring.conftest import Start

pytestmark = pytest.mark.server


@pytest.fixture
def client(start: Start) -> Iterator[Any]:
    with start("redis-7.0").database() as client:
        yield client


def test_each_command_has_its_own_answer_and_errors_are_among_them(client: Any) -> None:
    client.set("text", "a")
    got, wrong, gone = answers(client, [("GET", "text"), ("LPUSH", "text", 1), ("GET", "none")])
    assert (got, gone) == (b"a", None)
    assert isinstance(wrong, redis.ResponseError)


def test_large_values_go_too(client: Any) -> None:
    value = bytes(3 * BYTES_MAX)
    assert answers(client, [("SET", "large", value), ("STRLEN", "large")]) == [b"OK", len(value)]


def test_the_first_error_is_raised_where_none_is_expected() -> None:
    with pytest.raises(redis.ResponseError, match="no"):
        demanded([1, redis.ResponseError("no"), 2])


def test_after_an_interruption_the_next_commands_have_their_own_answers(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(connection: Any) -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(pipelining, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            answers(client, [("ECHO", "first"), ("ECHO", "second")])
    assert answers(client, [("ECHO", "third")]) == [b"third"]


def test_a_server_that_goes_away_raises(start: Start) -> None:
    live = start("redis-7.0")
    with live.database() as client:
        client.ping()
        live.server.process.kill()
        live.server.process.wait()
        with pytest.raises(redis.RedisError):
            answers(client, [("PING",)])
