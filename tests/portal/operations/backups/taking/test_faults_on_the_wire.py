"""What goes wrong while data comes over the wire, or key by key."""

import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from portal.operations.backups.manifest import Method
from portal.operations.backups.taking import landing
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.nodes import nodes
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.servers import REDIS, check_rdb, filled, loaded, running, state_of
from tests.portal.operations.backups.taking.asking import as_user, fill_with_noise, take_with, taken
from tests.portal.operations.backups.taking.conftest import Unprivileged
from tests.servers import Server, free_port, wait_until

pytestmark = pytest.mark.server


@contextmanager
def _noisy(
    folder: Path, *, program: str, megabytes: int, options: tuple[str, ...] = ()
) -> Iterator[tuple[Server, Any]]:
    options = ("--rdbcompression", "no", *options)
    with running(folder, program=program, options=options) as server, redis.Redis.from_url(server.url) as client:
        fill_with_noise(client, megabytes=megabytes)
        yield server, client


@pytest.mark.parametrize("method", [Method.WIRE, Method.LOGICAL])
def test_nothing_is_left_of_a_server_killed_in_the_middle(
    method: Method, program: str, private: Path, tmp_path: Path
) -> None:
    with _noisy(tmp_path / "server", program=program, megabytes=120) as (server, _):

        def kill(done: int, total: int | None) -> None:
            if done:
                os.kill(server.process.pid, signal.SIGKILL)

        with pytest.raises(CannotTake, match=r"broke after|does not answer"):
            take_with(server.url, folder=private, method=method, progress=kill)
    assert list(private.iterdir()) == []


def test_a_server_killed_before_it_sends_is_told(program: str, private: Path, tmp_path: Path) -> None:
    with _noisy(tmp_path / "server", program=program, megabytes=1) as (server, client):
        client.config_set("repl-diskless-sync-delay", 60)

        def kill_once_asked() -> None:
            with redis.Redis.from_url(server.url) as other:
                wait_until(lambda: other.info("replication")["connected_slaves"] == 1, what="a replica")
            os.kill(server.process.pid, signal.SIGKILL)

        killer = threading.Thread(target=kill_once_asked)
        killer.start()
        with pytest.raises(CannotTake, match="before any data"):
            take_with(server.url, folder=private)
        killer.join()
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("method", [Method.WIRE, Method.LOGICAL])
def test_nothing_is_left_on_a_disk_that_is_full(method: Method, program: str, small_disk: Path, tmp_path: Path) -> None:
    with (
        _noisy(tmp_path / "server", program=program, megabytes=3) as (server, _),
        pytest.raises(CannotTake, match="full after"),
    ):
        taken(server.url, folder=small_disk, method=method)
    assert list(small_disk.iterdir()) == []


def test_a_disk_that_is_plainly_too_small_is_not_written_to(program: str, small_disk: Path, tmp_path: Path) -> None:
    told: list[int] = []
    with (
        _noisy(tmp_path / "server", program=program, megabytes=20) as (server, _),
        pytest.raises(CannotTake, match="There is no room"),
    ):
        take_with(server.url, folder=small_disk, progress=lambda done, total: told.append(done))
    assert told == []


def test_a_folder_that_cannot_be_used_is_told(full: Server, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(CannotTake, match="cannot be used for backups"):
        taken(full.url, folder=tmp_path / "file" / "backups")


def test_an_exception_of_who_watches_leaves_nothing(full: Server, private: Path) -> None:
    def cancel(done: int, total: int | None) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        take_with(full.url, folder=private, progress=cancel)
    assert list(private.iterdir()) == []


def test_a_server_that_cannot_fork_is_told_of(unprivileged: Unprivileged, private: Path) -> None:
    with running(unprivileged.folder, program=unprivileged.program, port=free_port()) as server:
        unprivileged.forbid_forks(server)
        with pytest.raises(CannotTake, match="lacks memory or processes"):
            taken(server.url, folder=private)
    assert list(private.iterdir()) == []


def test_a_replica_gives_what_its_primary_holds(program: str, private: Path, tmp_path: Path) -> None:
    with _replica_of_a_filled_one(program, tmp_path) as (primary, replica):
        result = taken(replica.url, folder=private)
        assert (result.method, result.server.role) == (Method.WIRE, "replica")
        with (
            loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch,
            redis.Redis.from_url(primary.url) as original,
        ):
            assert state_of(scratch) == state_of(original)


def test_a_replica_that_lost_its_primary_gives_nothing(program: str, private: Path, tmp_path: Path) -> None:
    with _replica_of_a_filled_one(program, tmp_path) as (primary, replica):
        (node,) = nodes(parse_redis_address(replica.url))
        primary.stop()
        with redis.Redis.from_url(replica.url) as client:
            wait_until(lambda: client.info("replication")["master_link_status"] == "down", what="a broken link")
            blind = as_user(replica, client, "+psync", "+replconf")
        with pytest.raises(CannotTake, match="has lost its primary"):
            taken(replica.url, folder=private)
        # This one may not ask, and hears it from replication.
        with pytest.raises(CannotTake, match="has lost its primary"):
            taken(blind, folder=private)
    assert node.role == "replica"
    assert list(private.iterdir()) == []


@contextmanager
def _replica_of_a_filled_one(program: str, folder: Path) -> Iterator[tuple[Server, Server]]:
    port = free_port()
    replicates = ("--replicaof", "127.0.0.1", str(port))
    with (
        running(folder / "primary", program=program, port=port) as primary,
        running(folder / "replica", program=program, options=replicates) as replica,
        redis.Redis.from_url(primary.url) as at_primary,
        redis.Redis.from_url(replica.url) as at_replica,
    ):
        filled(at_primary)
        wait_until(lambda: at_replica.info("replication")["master_link_status"] == "up", what="replication")
        wait_until(lambda: bool(at_primary.execute_command("WAIT", 1, 100)), what="replication")
        yield primary, replica


def test_the_wire_waits_for_a_save_under_way(program: str, private: Path, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        filled(client)
        client.config_set("rdb-key-save-delay", 5000)
        client.bgsave(schedule=False)
        client.config_set("rdb-key-save-delay", 0)
        result = taken(server.url, folder=private)
        assert result.method is Method.WIRE
        assert client.info("persistence")["rdb_last_bgsave_status"] == "ok"
    assert check_rdb(result.path) == ""


def test_the_wire_of_a_server_that_saves_for_it_is_used_where_there_is_room(
    program: str, private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "_PROGRESS_EVERY_SECONDS", 0.0)
    options = ("--repl-diskless-sync", "no")
    told: list[tuple[int, int | None]] = []
    with _noisy(tmp_path / "server", program=program, megabytes=3, options=options) as (server, _):
        result = take_with(server.url, folder=private, progress=lambda *now: told.append(now))
    assert result.method is Method.WIRE
    # Valkey sends it as it makes it all the same: what it saves, a Redis could not read.
    assert told[-2][1] == (result.digest.size_bytes if program == REDIS else None)
    assert check_rdb(result.path) == ""


def test_the_wire_of_a_server_that_saves_for_it_is_not_tried_without_room(
    program: str, private: Path, small_disk: Path
) -> None:
    options = ("--repl-diskless-sync", "no")
    with _noisy(small_disk, program=program, megabytes=3, options=options) as (server, client):
        result = taken(server.url, folder=private)
        assert client.info("persistence")["rdb_last_bgsave_status"] == "ok"
        assert client.info("persistence")["rdb_saves"] == 0
    assert result.method is Method.LOGICAL
    assert "stop every write" in result.warnings[0]


@pytest.mark.parametrize("method", Method)
def test_a_file_is_well_formed_however_much_is_written_meanwhile(
    method: Method, program: str, private: Path, tmp_path: Path
) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        filled(client)
        client.execute_command("DEBUG", "POPULATE", 20_000, "there")
        over = threading.Event()
        writer = threading.Thread(target=_write_much, args=(server.url, over))
        writer.start()
        try:
            result = taken(server.url, folder=private, method=method)
        finally:
            over.set()
            writer.join()
    assert check_rdb(result.path) == ""
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert len(list(scratch.scan_iter("there:*", count=1000))) == 20_000


def _write_much(url: str, over: threading.Event) -> None:
    """Add and remove keys until it is over: the server's table grows, and SCAN gives some keys twice."""
    number = 0
    with redis.Redis.from_url(url) as client:
        while not over.is_set():
            number += 1
            client.mset({f"new:{number}:{nth}": nth for nth in range(500)})
            client.rpush("list:big", number)
            client.delete(*(f"new:{number - 3}:{nth}" for nth in range(0, 500, 2)))


def test_a_wire_that_is_encrypted_is_used_as_any(
    private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, certificate, port = tmp_path / "key.pem", tmp_path / "certificate.pem", free_port()
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1"]
    files = ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*command, "-addext", "subjectAltName=IP:127.0.0.1", *files], check=True, capture_output=True)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    options = ("--tls-port", str(port), "--tls-cert-file", str(certificate), "--tls-key-file", str(key))
    options += ("--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no", "--bind", "127.0.0.1")
    with _noisy(tmp_path / "server", program=REDIS, megabytes=5, options=options) as (_, client):
        result = taken(f"rediss://127.0.0.1:{port}", folder=private)
        assert result.method is Method.WIRE
        with loaded(result.path, folder=tmp_path / "scratch", program=REDIS) as scratch:
            assert state_of(scratch) == state_of(client)
