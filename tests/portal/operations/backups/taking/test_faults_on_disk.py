"""What goes wrong while a server saves."""

import os
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

import pytest
import redis

from portal.operations.backups.manifest import Method
from portal.operations.backups.rdb.payload import payload
from portal.operations.backups.rdb.write import RdbWriter
from portal.operations.backups.taking import landing, on_disk
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.landing import Landing
from tests.portal.operations.backups.servers import filled, loaded, running, state_of
from tests.portal.operations.backups.taking.asking import as_user, fill_with_noise, take_with, taken
from tests.portal.operations.backups.taking.conftest import Unprivileged
from tests.servers import Server, free_port, wait_until

pytestmark = pytest.mark.server

SAVER_ACL = ("+bgsave", "+info", "+config|get", "~*", "+scan", "+dump", "+pexpiretime", "+select")


def _saves_slowly(client: Any, begin: str) -> None:
    """Let a child of the server take its time, and only that one."""
    filled(client)
    client.config_set("rdb-key-save-delay", 5000)
    client.execute_command(begin)
    client.config_set("rdb-key-save-delay", 0)


@pytest.mark.parametrize("begin", ["BGSAVE", "BGREWRITEAOF"])
def test_what_others_began_is_waited_for(begin: str, program: str, private: Path, tmp_path: Path) -> None:
    options = ("--appendonly", "yes")
    with (
        running(tmp_path / "server", program=program, options=options) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        _saves_slowly(client, begin)
        client.set("written meanwhile", 1)
        info = client.info("persistence")
        assert info["rdb_bgsave_in_progress"] or info["aof_rewrite_in_progress"]
        result = taken(server.url, folder=private, method=Method.BGSAVE)
        with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
            assert state_of(scratch) == state_of(client)


def test_no_save_is_waited_for_without_an_end(program: str, private: Path, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        _saves_slowly(client, "BGSAVE")
        with (
            Landing(private / "all.rdb", progress=lambda done, total: None) as landing,
            pytest.raises(CannotTake, match="did not save in time"),
        ):
            on_disk.save(client, place="there", into=landing, deadline_seconds=0)
    assert list(private.iterdir()) == []


def test_a_server_killed_while_it_saves_is_told(program: str, private: Path, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        filled(client)
        client.config_set("rdb-key-save-delay", 5000)

        def kill(done: int, total: int | None) -> None:
            os.kill(server.process.pid, signal.SIGKILL)

        with pytest.raises(CannotTake, match="does not answer"):
            take_with(server.url, folder=private, method=Method.BGSAVE, progress=kill)
    assert list(private.iterdir()) == []


def test_a_save_is_not_tried_without_room_for_it(program: str, private: Path, small_disk: Path) -> None:
    with running(small_disk, program=program) as server, redis.Redis.from_url(server.url) as client:
        fill_with_noise(client, megabytes=3)
        result = taken(as_user(server, client, *SAVER_ACL), folder=private)
        assert client.info("persistence")["rdb_saves"] == 0
    assert result.method is Method.LOGICAL
    assert any("BGSAVE was not tried" in warning and "stop every write" in warning for warning in result.warnings)


def test_a_save_that_fails_is_told_with_what_it_stops(unprivileged: Unprivileged, private: Path) -> None:
    # The folder is not its own, and it may not write there.
    with (
        running(unprivileged.folder, program=unprivileged.program, port=free_port()) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        client.config_set("save", "3600 1")
        with pytest.raises(CannotTake, match=r"failed; its log says why.*MISCONF"):
            taken(server.url, folder=private, method=Method.BGSAVE)
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.set("refused", 1)
        client.config_set("save", "")
    assert list(private.iterdir()) == []


def test_a_fork_that_fails_is_told_with_what_it_stops(unprivileged: Unprivileged, private: Path) -> None:
    with (
        running(unprivileged.folder, program=unprivileged.program, port=free_port()) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        client.config_set("save", "3600 1")
        unprivileged.forbid_forks(server)
        with pytest.raises(CannotTake, match=r"could not make a copy of itself.*MISCONF"):
            taken(server.url, folder=private, method=Method.BGSAVE)
        with pytest.raises(redis.ResponseError, match="MISCONF"):
            client.set("refused", 1)
        client.config_set("save", "")
    assert list(private.iterdir()) == []


def test_a_full_disk_at_our_end_leaves_nothing(program: str, small_disk: Path, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        client.config_set("rdbcompression", "no")
        fill_with_noise(client, megabytes=3)
        with pytest.raises(CannotTake, match="full after"):
            taken(server.url, folder=small_disk, method=Method.BGSAVE)
        assert client.info("persistence")["rdb_last_bgsave_status"] == "ok"
    assert list(small_disk.iterdir()) == []


def test_the_file_of_another_server_in_a_folder_of_that_name_is_not_taken(
    program: str, private: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "server"
    with running(folder, program=program) as server, redis.Redis.from_url(server.url) as client:
        client.ping()
        # As on another host: what the server calls by this name is not what is seen here.
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=50m", "tmpfs", str(folder)], check=True)
        try:
            _write_old_dump(folder / "dump.rdb")
            with (
                Landing(private / "all.rdb", progress=lambda done, total: None) as landing,
                pytest.raises(CannotTake, match="is not what there has just saved: it is older"),
            ):
                on_disk.save(client, place="there", into=landing)
        finally:
            subprocess.run(["umount", str(folder)], check=True)
    assert list(private.iterdir()) == []


def _write_old_dump(path: Path) -> None:
    with path.open("wb") as file:
        writer = RdbWriter(file, magic=b"REDIS0010")
        writer.aux(b"ctime", b"1700000000")
        writer.select(0)
        writer.key(b"theirs", payload=payload(0, value=b"\x01v", is_valkey=False))
        writer.end()


def test_a_folder_that_is_not_here_closes_the_way(program: str, private: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    options = ("--dir", str(elsewhere))
    with (
        running(tmp_path / "server", program=program, options=options) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        elsewhere.rmdir()
        result = taken(as_user(server, client, *SAVER_ACL), folder=private)
        assert client.info("persistence")["rdb_saves"] == 0
    assert result.method is Method.LOGICAL


def test_commands_that_a_service_took_away_leave_the_logical_way(program: str, private: Path, tmp_path: Path) -> None:
    options = [part for name in ("SYNC", "PSYNC", "CONFIG") for part in ("--rename-command", name, "")]
    with (
        running(tmp_path / "server", program=program, options=options) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        filled(client)
        result = taken(server.url, folder=private)
        assert result.method is Method.LOGICAL
        with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
            assert state_of(scratch) == state_of(client)


def test_room_is_judged_by_the_last_file_as_memory_grew_since(tmp_path: Path) -> None:
    file = tmp_path / "dump.rdb"
    assert on_disk.room_needed_bytes(file, used_memory_bytes=5000) == 5000
    with file.open("wb") as written:
        writer = RdbWriter(written, magic=b"REDIS0010")
        writer.aux(b"used-mem", b"1000")
        writer.end()
    size = file.stat().st_size
    assert on_disk.room_needed_bytes(file, used_memory_bytes=3000) == 2 * 3 * size
    assert on_disk.room_needed_bytes(file, used_memory_bytes=10) == 2 * size
    file.write_bytes(b"no dump")
    assert on_disk.room_needed_bytes(file, used_memory_bytes=5000) == 5000


def test_two_at_once_both_end_well(program: str, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=program) as server, redis.Redis.from_url(server.url) as client:
        filled(client)
        client.config_set("rdb-key-save-delay", 1000)
        results: list[Any] = []

        def one(name: str) -> None:
            results.append(taken(server.url, folder=tmp_path / name, method=Method.BGSAVE))

        threads = [threading.Thread(target=one, args=(name,)) for name in ("first", "second")]
        for thread in threads:
            thread.start()
        wait_until(lambda: not any(thread.is_alive() for thread in threads), what="both backups")
        assert len({result.path for result in results}) == 2


def test_some_of_the_disk_is_left_to_the_site_itself(
    full: Server, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "_RESERVE_BYTES", 1 << 62)
    monkeypatch.setattr(landing, "_RESERVE_SHARE", 1)
    with pytest.raises(CannotTake, match="nearly full"):
        taken(full.url, folder=private)
    assert list(private.iterdir()) == []
