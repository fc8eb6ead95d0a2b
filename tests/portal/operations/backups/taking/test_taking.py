"""Every way out of a server, and which one is chosen."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import redis

from portal.operations.backups.manifest import Digest, Method
from portal.operations.backups.taking import logical
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.header import read_header
from portal.operations.backups.taking.nodes import nodes
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.servers import VALKEY, check_rdb, loaded, running, state_of
from tests.portal.operations.backups.taking.asking import as_user, take_with, taken
from tests.servers import Server, free_port

pytestmark = pytest.mark.server

WIRE_ACL = ("+psync", "+replconf")
READER_ACL = ("~*", "+scan", "+dump", "+pexpiretime", "+select", "+info")


@pytest.mark.parametrize("method", Method)
def test_what_a_server_holds_comes_out_by_every_method(
    method: Method, full: Server, client: Any, program: str, private: Path, tmp_path: Path
) -> None:
    result = taken(full.url, folder=private, method=method)
    assert check_rdb(result.path) == ""
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert state_of(scratch) == state_of(client)


@pytest.mark.parametrize("method", Method)
def test_what_is_told_of_a_file_is_so(method: Method, full: Server, private: Path) -> None:
    result = taken(full.url, folder=private, method=method)
    content = result.path.read_bytes()
    assert result.digest == Digest(len(content), hashlib.sha256(content).hexdigest())
    assert result.method is method
    assert abs(datetime.now(UTC) - result.taken_at) < timedelta(minutes=1)
    assert (result.server.role, result.server.place) == ("primary", full.url.removeprefix("unix://"))
    assert list(private.iterdir()) == [private / "all.rdb"]


def test_a_file_is_private(full: Server, private: Path) -> None:
    for method in (Method.WIRE, Method.LOGICAL):
        assert taken(full.url, folder=private, method=method).path.stat().st_mode & 0o777 == 0o600


def test_the_servers_own_file_is_linked_into_a_private_folder_and_copied_into_another(
    full: Server, private: Path
) -> None:
    dump = Path(full.url.removeprefix("unix://")).with_name("dump.rdb")
    assert taken(full.url, folder=private, method=Method.BGSAVE).path.samefile(dump)
    private.chmod(0o755)
    result = taken(full.url, folder=private, method=Method.BGSAVE)
    assert not result.path.samefile(dump)
    assert result.path.read_bytes() == dump.read_bytes()
    assert result.path.stat().st_mode & 0o777 == 0o600


def test_the_wire_is_the_best_way(full: Server, private: Path) -> None:
    result = taken(full.url, folder=private)
    assert (result.method, result.warnings) == (Method.WIRE, ())
    assert result.server.replication.count(":") == 1
    assert result.path.read_bytes().startswith(b"REDIS")


def test_what_only_valkeys_own_format_can_hold_comes_in_that(private: Path, tmp_path: Path) -> None:
    with running(tmp_path / "server", program=VALKEY) as server, redis.Redis.from_url(server.url) as client:
        client.hset("hash", mapping={"stays": 1, "goes": 2})
        client.execute_command("HPEXPIREAT", "hash", 4_102_444_800_000, "FIELDS", 1, "goes")
        result = taken(server.url, folder=private)
        assert result.method is Method.WIRE
        assert "only a Valkey loads it" in result.warnings[0]
        with loaded(result.path, folder=tmp_path / "scratch", program=VALKEY) as scratch:
            assert state_of(scratch) == state_of(client)
            assert scratch.execute_command("HPEXPIRETIME", "hash", "FIELDS", 1, "goes") == [4_102_444_800_000]


@pytest.mark.parametrize("acl", [WIRE_ACL, ("+sync", "+replconf")], ids=["psync", "sync"])
def test_a_user_who_may_do_nothing_but_replicate_is_enough(
    acl: tuple[str, ...], full: Server, client: Any, program: str, private: Path, tmp_path: Path
) -> None:
    result = taken(as_user(full, client, *acl), folder=private)
    assert result.method is Method.WIRE
    assert (result.server.role, bool(result.server.version)) == ("primary", True)
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert state_of(scratch) == state_of(client)


def test_a_server_keeps_no_replica_afterwards(full: Server, client: Any, private: Path) -> None:
    taken(full.url, folder=private)
    assert client.info("replication")["connected_slaves"] == 0


def test_without_replication_the_server_saves_where_that_can_be_read(full: Server, client: Any, private: Path) -> None:
    result = taken(as_user(full, client, "+bgsave", "+info", "+config|get"), folder=private)
    assert result.method is Method.BGSAVE
    assert "+psync +replconf" in result.warnings[0]


def test_where_nothing_but_reading_is_allowed_keys_are_taken_one_by_one(
    full: Server, client: Any, program: str, private: Path, tmp_path: Path
) -> None:
    result = taken(as_user(full, client, *READER_ACL, "+function|dump"), folder=private)
    assert result.method is Method.LOGICAL
    assert [word for word in ("+psync", "+bgsave", "no point in time") if word not in " ".join(result.warnings)] == []
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert state_of(scratch) == state_of(client)


def test_functions_that_may_not_be_read_are_told_of(full: Server, client: Any, private: Path) -> None:
    result = taken(as_user(full, client, *READER_ACL), folder=private)
    assert any("+function|dump" in warning for warning in result.warnings)


def test_databases_are_found_without_info(
    full: Server, client: Any, program: str, private: Path, tmp_path: Path
) -> None:
    result = taken(as_user(full, client, *READER_ACL, "-info", "+function|dump"), folder=private)
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert state_of(scratch) == state_of(client)


def test_without_select_the_first_database_is_taken_with_a_warning(full: Server, client: Any, private: Path) -> None:
    result = taken(as_user(full, client, *READER_ACL, "-info", "-select"), folder=private)
    assert any("only database 0" in warning for warning in result.warnings)


def test_a_server_that_allows_nothing_says_what_to_allow(full: Server, client: Any, private: Path) -> None:
    with pytest.raises(CannotTake, match=r"\+psync.*\+bgsave.*\+dump"):
        taken(as_user(full, client, "+ping"), folder=private)
    assert list(private.iterdir()) == []


@pytest.mark.parametrize("method", Method)
def test_a_method_that_was_asked_for_is_not_replaced(method: Method, full: Server, client: Any, private: Path) -> None:
    with pytest.raises(CannotTake):
        taken(as_user(full, client, "+info"), folder=private, method=method)


def test_chosen_prefixes_are_taken_alone(
    full: Server, client: Any, program: str, private: Path, tmp_path: Path
) -> None:
    result = taken(full.url, folder=private, prefixes=[b"set:", b"zset:small", b"of:9:1"])
    assert result.method is Method.LOGICAL
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert set(scratch.keys()) == {b"set:integers", b"set:small", b"set:big", b"zset:small"}
        assert {name: found["keys"] for name, found in scratch.info("keyspace").items()} == {"db0": 4, "db9": 11}
        assert scratch.function_list() == []


def test_a_part_of_the_keys_does_not_claim_the_memory_of_all(full: Server, private: Path) -> None:
    everything = taken(full.url, folder=private, method=Method.LOGICAL)
    assert read_header(everything.path).used_memory_bytes > 0
    some = taken(full.url, folder=private, prefixes=[b"set:"])
    assert read_header(some.path).used_memory_bytes == 0


def test_a_prefix_is_no_pattern(full: Server, program: str, private: Path, tmp_path: Path) -> None:
    result = taken(full.url, folder=private, prefixes=[b"\x00odd \xff*key["])
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert scratch.keys() == [b"\x00odd \xff*key["]


def test_a_key_that_scan_gives_twice_is_written_once(
    full: Server, client: Any, program: str, private: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan = logical._scan

    def stutter(*args: Any) -> Iterator[list[bytes]]:
        # As SCAN may while a server's table shrinks, which is not to be had at will.
        batches = list(scan(*args))
        return iter([names + names[:3] for names in batches] + batches)

    monkeypatch.setattr(logical, "_scan", stutter)
    result = taken(full.url, folder=private, method=Method.LOGICAL)
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert state_of(scratch) == state_of(client)


@pytest.mark.parametrize("method", Method)
def test_an_empty_server_gives_a_file_that_loads(method: Method, program: str, private: Path, tmp_path: Path) -> None:
    with running(tmp_path / "empty", program=program) as server:
        result = taken(server.url, folder=private, method=method)
    assert check_rdb(result.path) == ""
    with loaded(result.path, folder=tmp_path / "scratch", program=program) as scratch:
        assert scratch.dbsize() == 0


def test_what_a_crash_left_is_written_over(full: Server, private: Path) -> None:
    (private / "all.rdb.part").write_bytes(b"half")
    (private / "all.rdb").write_bytes(b"old")
    assert taken(full.url, folder=private).path.read_bytes().startswith(b"REDIS")
    assert [file.name for file in private.iterdir()] == ["all.rdb"]


def test_progress_ends_at_the_size_of_the_file(full: Server, private: Path) -> None:
    told: list[tuple[int, int | None]] = []
    result = take_with(full.url, folder=private, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (result.digest.size_bytes, result.digest.size_bytes)


def test_a_password_is_used_and_a_wrong_one_told(program: str, private: Path, tmp_path: Path) -> None:
    port = free_port()
    with running(tmp_path / "server", program=program, port=port) as server:
        with redis.Redis.from_url(server.url) as admin:
            admin.config_set("requirepass", "secret")
        assert taken(f"redis://:secret@127.0.0.1:{port}/3", folder=private).method is Method.WIRE
        with pytest.raises(CannotTake, match="user and password") as raised:
            taken(f"redis://:wrong@127.0.0.1:{port}", folder=private)
        assert "wrong" not in str(raised.value)


def test_a_dead_server_is_told_by_its_place(private: Path) -> None:
    port = free_port()
    with pytest.raises(CannotTake, match=f"127.0.0.1:{port} does not answer"):
        nodes(parse_redis_address(f"redis://127.0.0.1:{port}"))
