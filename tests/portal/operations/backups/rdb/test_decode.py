"""What our own eyes read in a dumped value is what the server says it holds."""

import contextlib
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from portal.operations.backups.rdb import format
from portal.operations.backups.rdb.decode import Meaning, meaning
from portal.operations.backups.rdb.format import RdbError
from portal.operations.backups.rdb.lzf import decompress
from portal.operations.backups.rdb.payload import payload, split
from portal.operations.backups.rdb.write import string

pytestmark = pytest.mark.server

ON_A_SERVER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
INTEGERS = st.integers(-(2**63), 2**63 - 1).map(lambda number: b"%d" % number)
REPEATED = st.tuples(st.binary(min_size=1, max_size=9), st.integers(1, 400)).map(lambda pair: pair[0] * pair[1])
STRINGS = INTEGERS | st.integers(-200, 70_000).map(lambda number: b"%d" % number) | st.binary(max_size=90) | REPEATED
MANY = st.integers(200, 700).map(lambda size: [b"%d-item" % number for number in range(size)])


def read(server: Any, key: bytes = b"k") -> Meaning:
    found = split(server.dump(key))
    return meaning(found.kind, value=found.value, is_valkey=found.version >= 80)


@ON_A_SERVER
@given(STRINGS)
def test_strings(server: Any, text: bytes) -> None:
    server.set("k", text)
    assert read(server) == ("string", text)


@ON_A_SERVER
@given(st.lists(STRINGS, min_size=1, max_size=12) | MANY)
def test_lists(server: Any, items: list[bytes]) -> None:
    server.delete("k")
    server.rpush("k", *items)
    assert read(server) == ("list", items)


@ON_A_SERVER
@given(st.lists(INTEGERS, min_size=1, max_size=12) | st.lists(STRINGS, min_size=1, max_size=12) | MANY)
def test_sets(server: Any, items: list[bytes]) -> None:
    server.delete("k")
    server.sadd("k", *items)
    assert read(server) == ("set", frozenset(items))


@ON_A_SERVER
@given(st.lists(st.tuples(STRINGS, STRINGS), min_size=1, max_size=12) | MANY.map(lambda items: [(i, i) for i in items]))
def test_hashes(server: Any, pairs: list[tuple[bytes, bytes]]) -> None:
    server.delete("k")
    server.hset("k", mapping=dict(pairs))
    assert read(server) == ("hash", {field: (value, 0) for field, value in dict(pairs).items()})


@ON_A_SERVER
@given(st.dictionaries(STRINGS, st.floats(allow_nan=False), min_size=1, max_size=12))
def test_sorted_sets(server: Any, scores: dict[bytes, float]) -> None:
    server.delete("k")
    server.zadd("k", scores)
    assert read(server) == ("zset", scores)


def test_a_large_sorted_set(server: Any) -> None:
    scores = {b"member-%d" % number: number / 3 for number in range(500)}
    server.zadd("k", scores)
    assert read(server) == ("zset", scores)


def test_a_list_with_an_item_too_large_to_be_packed(server: Any) -> None:
    server.rpush("k", b"small", bytes(20_000), b"small too")
    assert read(server) == ("list", [b"small", bytes(20_000), b"small too"])


def test_a_stream_with_groups_differs_once_anything_is_added(server: Any) -> None:
    for number in range(300):
        server.xadd("k", {"n": number})
    server.xgroup_create("k", "g", "0")
    server.xreadgroup("g", "c", {"k": ">"}, count=7)
    before = read(server)
    assert before[0] == "stream"
    assert read(server) == before
    server.xack("k", "g", server.xrange("k", count=1)[0][0])
    assert read(server) != before


def test_expiries_of_a_hashs_fields_are_part_of_it(server: Any) -> None:
    if "valkey_version" not in server.info("server"):
        return  # Redis 7.0 has none
    server.hset("k", mapping={"a": "1", "b": "2"})
    server.execute_command("HPEXPIREAT", "k", 4_102_444_800_000, "FIELDS", 1, "a")
    assert read(server) == ("hash", {b"a": (b"1", 4_102_444_800_000), b"b": (b"2", 0)})


@ON_A_SERVER
@given(st.lists(STRINGS, min_size=1, max_size=12) | MANY)
def test_a_payload_of_ours_is_taken_by_the_server_that_dumped_the_value(server: Any, items: list[bytes]) -> None:
    server.delete("k", "l")
    server.rpush("k", *items)
    found = split(server.dump("k"))
    server.restore("l", 0, payload(found.kind, value=found.value, is_valkey=found.version >= 80))
    assert server.lrange("l", 0, -1) == items


def test_a_dump_with_a_wrong_checksum_is_refused(server: Any) -> None:
    server.set("k", "value")
    dumped = bytearray(server.dump("k"))
    dumped[2] ^= 1
    with pytest.raises(RdbError, match="wrong checksum"):
        split(bytes(dumped))


@given(st.binary(max_size=60), st.integers(0, 300))
def test_damaged_compression_is_an_error_of_ours(packed: bytes, size: int) -> None:
    with contextlib.suppress(RdbError):
        assert len(decompress(packed, size=size)) == size


@given(st.sampled_from(range(26)), st.binary(max_size=60))
def test_a_damaged_value_is_an_error_of_ours(kind: int, value: bytes) -> None:
    with contextlib.suppress(RdbError):
        meaning(kind, value=value, is_valkey=True)


@given(
    kind=st.integers(0, 30),
    value=st.one_of(
        st.binary(max_size=60),
        st.binary(max_size=60).map(string),
        st.lists(st.sampled_from([b"\x00", b"\x01", b"\x03a\xff", b"\x80", b"\xff", b"\xc3", b"\x04"])).map(b"".join),
    ),
    is_valkey=st.booleans(),
)
def test_a_value_that_nobody_wrote_is_an_error_of_ours(kind: int, value: bytes, is_valkey: bool) -> None:
    with contextlib.suppress(RdbError):
        meaning(kind, value=value, is_valkey=is_valkey)


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (format.ZSET, b"\x01\x01a\x01x"),
        (format.HASH_ZIPLIST, string(b"\0" * 10 + b"\x00\x01a\xff")),
        (format.ZSET_LISTPACK, string(b"\0" * 6 + b"\x81a\x02\x81b\x02\xff")),
    ],
)
def test_half_a_pair_or_no_number_is_an_error_of_ours(kind: int, value: bytes) -> None:
    with pytest.raises(RdbError, match="damaged"):
        meaning(kind, value=value, is_valkey=False)
