"""A proof says how far a file was proven, and nothing damaged passes."""

import hashlib
import shutil
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
import redis

from portal.operations.backups.manifest import KeyCount, Level
from portal.operations.backups.proving import memory, scratch
from portal.operations.backups.proving.prove import NotProven, prove
from tests.portal.operations.backups.proving.making import NOW, by_hand, saved, small_file, with_magic
from tests.portal.operations.backups.servers import REDIS, VALKEY, filled, running
from tests.servers import free_port, wait_until

pytestmark = pytest.mark.server
CUTS = {"1 byte": -1, "9 bytes": -9, "20 bytes": -20}


def test_a_good_file_loads(client: Any) -> None:
    proof = prove(saved(filled(client)), now=NOW)
    assert proof.level == Level.LOADS
    assert proof.counts == (KeyCount(0, 19, 2), KeyCount(1, 50, 0), KeyCount(9, 50, 0))
    assert (proof.functions, proof.loaded, proof.expired, proof.warnings) == (2, 119, 0, ())
    assert (proof.at, proof.is_checksummed) == (NOW, True)


def test_a_proof_names_the_file_and_the_server_that_loaded_it(tmp_path: Path) -> None:
    of_redis = prove(small_file(tmp_path / "redis", program=REDIS), now=NOW)
    of_valkey = prove(small_file(tmp_path / "valkey", program=VALKEY), now=NOW)
    assert (of_redis.rdb_version, of_redis.verifier[:10]) == ("REDIS0010", "redis 7.0.")
    assert (of_valkey.rdb_version, of_valkey.verifier[:9]) == ("VALKEY080", "valkey 9.")


def test_keys_that_have_expired_since_count(client: Any) -> None:
    client.mset({"stays": 1, "too": 2})
    for number in range(7):
        client.set(f"goes:{number}", 1, px=300)
    path = saved(client)
    wait_until(lambda: not client.exists("goes:6"), what="expiry")
    proof = prove(path, now=NOW)
    assert (proof.keys, proof.loaded, proof.expired) == (9, 2, 7)
    assert proof.level == Level.LOADS


def test_a_hash_whose_fields_have_all_expired_counts_as_expired(tmp_path: Path) -> None:
    with running(tmp_path, program=VALKEY) as server, redis.Redis.from_url(server.url) as client:
        client.set("stays", 1)
        for name in ("half", "all"):
            client.hset(name, mapping={"a": 1, "b": 2})
        client.hpexpire("half", 200, "a")
        client.hpexpire("all", 200, "a", "b")
        path = saved(client)
        wait_until(lambda: not client.exists("all"), what="expiry of fields")
    proof = prove(path, now=NOW)
    assert (proof.keys, proof.loaded, proof.expired, proof.level) == (3, 2, 1, Level.LOADS)


def test_an_empty_server_is_proven_with_a_warning(client: Any) -> None:
    proof = prove(saved(client), now=NOW)
    assert (proof.level, proof.keys) == (Level.LOADS, 0)
    assert "There is no key in it" in proof.warnings[0]


def test_a_node_of_a_cluster_loads_in_a_plain_server(tmp_path: Path, program: str) -> None:
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with (
        running(tmp_path, program=program, options=options, port=free_port()) as server,
        redis.Redis.from_url(server.url) as client,
    ):
        client.execute_command("CLUSTER ADDSLOTSRANGE", 0, 16383)
        wait_until(lambda: client.cluster("INFO")["cluster_state"] == "ok", what="cluster")
        for number in range(100):
            client.set(f"key:{number}", number)
        proof = prove(saved(client), now=NOW)
    assert (proof.level, proof.loaded) == (Level.LOADS, 100)


def test_a_database_of_a_high_number_loads(tmp_path: Path, program: str) -> None:
    with (
        running(tmp_path, program=program, options=("--databases", "500")) as server,
        redis.Redis.from_url(server.url, db=499) as client,
    ):
        client.set("far", 1)
        proof = prove(saved(client), now=NOW)
    assert (proof.level, proof.counts) == (Level.LOADS, (KeyCount(499, 1, 0),))


def test_the_file_is_not_touched(small: Path) -> None:
    before = _identity(small)
    prove(small, now=NOW)
    assert _identity(small) == before


def test_a_flipped_bit_is_noticed_at_every_byte(small: Path, tmp_path: Path) -> None:
    good, path = small.read_bytes(), tmp_path / "damaged.rdb"
    for at in range(len(good)):
        path.write_bytes(good[:at] + bytes([good[at] ^ 1 << at % 8]) + good[at + 1 :])
        with pytest.raises(NotProven):
            prove(path, now=NOW)


@pytest.mark.parametrize("end", CUTS.values(), ids=CUTS)
def test_a_cut_tail_is_noticed(end: int, small: Path, tmp_path: Path) -> None:
    path = tmp_path / "cut.rdb"
    path.write_bytes(small.read_bytes()[:end])
    with pytest.raises(NotProven, match="It is no backup"):
        prove(path, now=NOW)


def test_half_a_file_is_noticed(small: Path, tmp_path: Path) -> None:
    path = tmp_path / "half.rdb"
    path.write_bytes(small.read_bytes()[: small.stat().st_size // 2])
    with pytest.raises(NotProven, match="ends in the middle"):
        prove(path, now=NOW)


@pytest.mark.parametrize("content", [b"", b"\x93" * 300, b"PK\x03\x04" + bytes(300)], ids=["empty", "garbage", "zip"])
def test_another_programs_file_is_none(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "other.rdb"
    path.write_bytes(content)
    with pytest.raises(NotProven, match="not well formed"):
        prove(path, now=NOW)


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(NotProven, match="cannot be read: No such file"):
        prove(tmp_path / "none.rdb", now=NOW)


def test_a_file_too_new_for_every_server_is_well_formed_and_says_what_to_install(small: Path, tmp_path: Path) -> None:
    proof = prove(with_magic(tmp_path / "new.rdb", magic=b"REDIS0099", of=small), now=NOW)
    assert (proof.level, proof.verifier) == (Level.WELL_FORMED, "")
    assert "No server on this machine loads a file of REDIS0099" in proof.warnings[0]
    assert "Install" in proof.warnings[0]


def test_a_file_with_a_modules_data_is_well_formed_and_says_why(tmp_path: Path) -> None:
    # A module's value: its type (7), the key, the module's number, one integer, its end.
    body = b"REDIS0010\xfe\x00\x07\x01m\x81\x11\x22\x33\x44\x55\x66\x77\x81\x02\x05\x00\xff"
    proof = prove(by_hand(tmp_path / "module.rdb", body=body), now=NOW)
    assert (proof.level, proof.keys) == (Level.WELL_FORMED, 1)
    assert "module" in proof.warnings[0]


@pytest.mark.usefixtures("no_binaries")
def test_without_a_server_a_file_is_well_formed_with_a_warning(small: Path) -> None:
    proof = prove(small, now=NOW)
    assert (proof.level, proof.keys, proof.loaded) == (Level.WELL_FORMED, 3, 0)
    assert "(found: none)" in proof.warnings[0]
    assert not proof.is_loadable_here


def test_without_memory_for_it_a_file_is_well_formed_with_a_warning(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(memory, "available_bytes", lambda: 1000)
    proof = prove(small, now=NOW)
    assert proof.level == Level.WELL_FORMED
    assert "of memory" in proof.warnings[0]
    assert proof.is_loadable_here


def test_a_server_that_is_killed_while_it_loads_says_nothing_against_the_file(
    small: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A program that is ended from outside, as the kernel does when memory runs out.
    program = tmp_path / "redis-server"
    program.write_text('#!/bin/sh\n[ "$1" = --version ] && echo "Redis server v=7.9.9 sha=0" && exit\nkill -9 $$\n')
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    proof = prove(small, now=NOW)
    assert (proof.level, proof.keys) == (Level.WELL_FORMED, 3)
    assert "ran out of memory or was ended from outside" in proof.warnings[0]


@pytest.mark.parametrize("trouble", [OSError(28, "No space left on device"), redis.ConnectionError("Connection lost")])
def test_trouble_of_this_machine_says_nothing_against_the_file(
    small: Path, monkeypatch: pytest.MonkeyPatch, trouble: Exception
) -> None:
    monkeypatch.setattr("portal.operations.backups.proving.prove.read_loaded", Mock(side_effect=trouble))
    proof = prove(small, now=NOW)
    assert (proof.level, proof.is_loadable_here) == (Level.WELL_FORMED, True)
    assert "was not found out" in proof.warnings[0]


def test_a_server_that_never_gets_done_says_nothing_against_the_file(
    small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scratch, "_has_loaded", lambda client: False)
    monkeypatch.setattr(scratch, "_DEADLINE_SECONDS", 0.1)
    proof = prove(small, now=NOW)
    assert (proof.level, proof.is_loadable_here) == (Level.WELL_FORMED, True)
    assert "overloaded" in proof.warnings[0]


def test_what_only_a_server_notices_is_not_proven(tmp_path: Path) -> None:
    # A set whose numbers are told to take three bytes each: whole by its checksum, and no set.
    body = b"REDIS0010\xfe\x00\x0b\x01s\x09\x03\x00\x00\x00\x01\x00\x00\x00\x01\xff"
    with pytest.raises(NotProven, match=r"did not load: redis .* “.+”"):
        prove(by_hand(tmp_path / "strange.rdb", body=body), now=NOW)


def test_without_a_checksum_a_changed_value_passes_and_the_proof_says_so(tmp_path: Path, program: str) -> None:
    path = small_file(tmp_path / "origin", program=program, options=("--rdbchecksum", "no"))
    changed = tmp_path / "changed.rdb"
    shutil.copy(path, changed)
    changed.write_bytes(path.read_bytes().replace(b"second", b"secand"))
    proof = prove(changed, now=NOW)
    assert (proof.level, proof.is_checksummed) == (Level.LOADS, False)
    assert "a value that was changed afterwards is not noticed" in proof.warnings[0]


def _identity(path: Path) -> tuple[object, ...]:
    found = path.stat()
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_mode, found.st_nlink, digest
