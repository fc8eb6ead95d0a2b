"""What a real server says of itself, and how it is told when it does not."""

import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import redis

from portal.operations.watching.reading.asking import ask
from portal.operations.watching.reading.connecting import NoAnswer
from portal.operations.watching.readings import Reading, change
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.servers import PROGRAMS, REDIS
from tests.servers import Server, free_port, start_redis, wait_until

pytestmark = pytest.mark.server

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
SECRET = "top-secret"


@pytest.fixture(params=PROGRAMS)
def program(request: pytest.FixtureRequest) -> str:
    return PROGRAMS[request.param]


@pytest.fixture
def server(program: str, tmp_path: Path) -> Iterator[Server]:
    started = start_redis(tmp_path / "redis", program=program, port=free_port())
    yield started
    started.stop()


@pytest.fixture
def client(server: Server) -> Iterator[Any]:
    with redis.Redis.from_url(server.url) as client:
        yield client


def read(server: Server, *, user: str = "") -> Reading:
    """Ask a server, as a user whose password is the secret."""
    address = server.url.replace("://", f"://{user}:{SECRET}@") if user else server.url
    return ask(parse_redis_address(address), at=NOW).reading


def why_not(server: Server, *, user: str = "") -> str:
    with pytest.raises(NoAnswer) as told:
        read(server, user=user)
    assert SECRET not in str(told.value)
    return str(told.value)


def test_a_server_is_read(server: Server, client: Any) -> None:
    client.mset({"a": 1, "b": 2})
    client.get("a")
    client.get("nothing")
    found = read(server)
    assert (found.at, found.role, found.keys, found.hits, found.misses) == (NOW, "primary", 2, 1, 1)
    assert found.version == client.info().get("valkey_version", client.info()["redis_version"])
    assert 0 < found.latency_seconds < 1
    assert found.used_memory_bytes > 0
    assert found.host_memory_bytes
    assert found.limit_bytes == found.host_memory_bytes


def test_asking_leaves_no_error_behind_under_the_least_rights(server: Server, client: Any) -> None:
    client.acl_setuser("watcher", enabled=True, passwords=[f"+{SECRET}"], commands=["+info", "+ping"])
    client.config_resetstat()
    assert read(server, user="watcher").errors_noperm == 0
    assert client.info("errorstats") == {}


def test_errors_that_mean_that_limiting_fails_are_counted_by_kind(server: Server, client: Any) -> None:
    client.acl_setuser("watcher", enabled=True, passwords=[f"+{SECRET}"], commands=["+info", "+ping"])
    before = read(server)
    watcher = redis.Redis.from_url(server.url, username="watcher", password=SECRET, driver_info=None)
    with watcher, pytest.raises(redis.exceptions.NoPermissionError):
        watcher.get("key")
    client.config_set("maxmemory", 1)
    for _ in range(2):
        with pytest.raises(redis.exceptions.OutOfMemoryError):
            client.set("key", "value")
    found = change(before, read(server))
    assert (found.errors_noperm, found.errors_oom, found.errors_misconf) == (1, 2, 0)


def test_after_a_restart_counts_begin_anew(program: str, server: Server, client: Any, tmp_path: Path) -> None:
    client.get("nothing")
    before = read(server)
    server.stop()
    again = start_redis(tmp_path / "again", program=program, port=int(server.url.rpartition(":")[2]))
    try:
        client.get("nothing")
        client.get("nothing")
        found = change(before, read(again))
    finally:
        again.stop()
    assert (found.has_restarted, found.misses) == (True, 2)


def test_after_a_reset_of_statistics_nothing_counts_backwards(server: Server, client: Any) -> None:
    for _ in range(5):
        client.get("nothing")
    before = read(server)
    client.config_resetstat()
    client.get("nothing")
    found = change(before, read(server))
    assert (found.has_restarted, found.misses) == (False, 1)


def test_a_change_of_role_is_seen(program: str, server: Server, client: Any, tmp_path: Path) -> None:
    before = read(server)
    port = free_port()
    primary = start_redis(tmp_path / "primary", program=program, port=port, options=("--repl-diskless-sync-delay", "0"))
    try:
        client.replicaof("127.0.0.1", port)
        wait_until(lambda: read(server).link_is_up, what="the link to the primary")
        now = read(server)
        assert (now.role, change(before, now).has_changed_role) == ("replica", True)
        assert read(primary).replicas == 1
    finally:
        primary.stop()
    wait_until(lambda: not read(server).link_is_up, what="a link that is down")


def test_a_backup_under_way_is_no_replica(server: Server, client: Any) -> None:
    client.config_set("repl-diskless-sync-delay", 60)
    reader = client.connection_pool.get_connection()
    for words in (("REPLCONF", "rdb-only", "1"), ("REPLCONF", "capa", "eof")):
        reader.send_command(*words)
        reader.read_response()
    reader.send_command("SYNC")
    wait_until(lambda: bool(client.info("replication")["connected_slaves"]), what="the backup")
    assert read(server).replicas == 0
    reader.disconnect()


def test_a_paused_server_is_not_waited_for(server: Server) -> None:
    os.kill(server.process.pid, signal.SIGSTOP)
    try:
        assert why_not(server) == "does not answer within 2 s"
    finally:
        os.kill(server.process.pid, signal.SIGCONT)


def test_a_server_that_is_gone_refuses_connections(server: Server) -> None:
    server.stop()
    assert why_not(server) == "refuses connections: see whether it runs"


def test_a_socket_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(NoAnswer, match=r"^is not reached: no such file or directory$"):
        ask(parse_redis_address(f"unix://{tmp_path}/nothing.sock"), at=NOW)


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        (["+ping"], "forbids INFO to its user: give it +info (ACL SETUSER)"),
        (["+info"], "forbids PING to its user: give it +ping (ACL SETUSER)"),
    ],
)
def test_a_right_that_is_missing_is_named(server: Server, client: Any, rights: list[str], words: str) -> None:
    client.acl_setuser("watcher", enabled=True, passwords=[f"+{SECRET}"], commands=rights)
    assert why_not(server, user="watcher") == words


def test_a_wrong_password_is_told_and_not_repeated(server: Server, client: Any) -> None:
    client.config_set("requirepass", "another")
    assert why_not(server) == "does not accept the user and password in its address"
    assert why_not(server, user="default") == "does not accept the user and password in its address"


def test_a_renamed_command_is_told_and_its_arguments_are_not(tmp_path: Path) -> None:
    renamed = ("--rename-command", "INFO", "hidden")
    started = start_redis(tmp_path, program=REDIS, port=free_port(), options=renamed)
    try:
        assert why_not(started) == "knows no INFO: it was renamed or taken out"
    finally:
        started.stop()


def test_a_server_that_is_full_of_clients_is_told(server: Server, client: Any) -> None:
    client.config_set("maxclients", 1)
    assert "more clients (maxclients)" in why_not(server)


def test_a_server_that_loads_its_data_is_read(program: str, tmp_path: Path) -> None:
    port = free_port()
    first = start_redis(tmp_path, program=program, port=port)
    with redis.Redis.from_url(first.url) as client:
        client.mset({f"key:{number}": "v" * 100 for number in range(5000)})
        client.save()
    first.stop()
    slowly = ("--key-load-delay", "1000", "--loading-process-events-interval-bytes", "1024")
    loading = _start_without_waiting(tmp_path, program=program, port=port, options=slowly)
    try:
        wait_until(lambda: _is_loading(loading), what="loading")
    finally:
        loading.process.kill()
        loading.process.wait()


def _start_without_waiting(folder: Path, *, program: str, port: int, options: tuple[str, ...]) -> Server:
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--dir", str(folder), "--save", "", *options]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return Server(process, f"redis://127.0.0.1:{port}")


def _is_loading(server: Server) -> bool:
    try:
        return read(server).is_loading
    except NoAnswer:
        return False


def test_a_sentinel_is_no_server(tmp_path: Path) -> None:
    (tmp_path / "sentinel.conf").write_text("")
    started = start_redis(
        tmp_path,
        program=REDIS,
        port=free_port(),
        configuration=(str(tmp_path / "sentinel.conf"),),
        options=("--sentinel",),
    )
    try:
        assert why_not(started).startswith("is a Sentinel, which holds no data")
    finally:
        started.stop()


def test_what_is_no_redis_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = Thread(target=_answer_as_web_server, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        with pytest.raises(NoAnswer, match=r"^does not answer as a Redis does$"):
            ask(parse_redis_address(f"redis://127.0.0.1:{port}"), at=NOW)
        thread.join()


def _answer_as_web_server(listener: socket.socket) -> None:
    connection, _ = listener.accept()
    with connection:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
