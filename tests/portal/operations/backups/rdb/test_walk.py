"""A walk finds what is in a file, and nothing passes for a file that is none."""

import subprocess
import sys
import tracemalloc
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.backups.manifest import KeyCount
from portal.operations.backups.rdb.format import RdbError, crc64
from portal.operations.backups.rdb.walk import Walk, measure
from portal.operations.backups.rdb.write import string
from tests.portal.operations.backups.rdb.files import Key, rdb_of

# Around 64 and 16,384 bytes a length takes one byte more.
TEXTS = st.binary(max_size=80) | st.integers(16_380, 16_390).map(bytes) | st.integers(65_000, 3_000_000).map(bytes)
KEYS = st.lists(
    st.tuples(
        st.integers(0, 3),
        TEXTS,
        TEXTS,
        st.just(0) | st.integers(1, 2**62),
    ),
    max_size=12,
)
SMALL = rdb_of([(0, b"a", b"1", 0), (0, b"b", b"22", 1_900_000_000_000), (3, b"c" * 70, b"3" * 300, 0)])


@given(KEYS)
def test_what_was_written_is_found(keys: list[Key]) -> None:
    found = [(e.database, e.key, e.value, e.expires_at_ms) for e in Walk(BytesIO(rdb_of(keys)))]
    assert found == [(database, key, string(value), expires) for database, key, value, expires in keys]


@given(KEYS)
def test_keys_are_counted_by_database(keys: list[Key]) -> None:
    measured = measure(BytesIO(rdb_of(keys)))
    assert measured.keys == len(keys)
    for count in measured.counts:
        mine = [key for key in keys if key[0] == count.database]
        assert count == KeyCount(count.database, keys=len(mine), expiring=sum(key[3] > 0 for key in mine))


def test_a_file_tells_what_wrote_it() -> None:
    measured = measure(BytesIO(SMALL))
    assert (measured.magic, measured.aux) == (b"REDIS0010", {b"redis-ver": b"7.0.15"})


def test_a_cut_tail_is_noticed_wherever_it_is_cut() -> None:
    for size in range(len(SMALL)):
        with pytest.raises(RdbError):
            measure(BytesIO(SMALL[:size]))


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_is_noticed_wherever_it_is(bit: int) -> None:
    for at in range(len(SMALL)):
        damaged = bytearray(SMALL)
        damaged[at] ^= 1 << bit
        with pytest.raises(RdbError):
            measure(BytesIO(bytes(damaged)))


def test_what_follows_the_end_is_noticed() -> None:
    with pytest.raises(RdbError, match="More follows"):
        measure(BytesIO(SMALL + b"\n"))


@pytest.mark.parametrize(
    "other", [b"", b"PK\x03\x04" + bytes(100), b"\x28\xb5\x2f\xfd" + bytes(50), b"age-encryption.org/v1\n"]
)
def test_another_programs_file_is_told(other: bytes) -> None:
    with pytest.raises(RdbError, match="does not begin as an RDB file"):
        measure(BytesIO(other))


def test_a_file_without_checksum_is_told_as_such() -> None:
    assert measure(BytesIO(SMALL)).is_checksummed
    assert not measure(BytesIO(SMALL[:-8] + bytes(8))).is_checksummed


def test_an_unknown_type_is_named() -> None:
    file = b"REDIS0010\xfe\x00\x63\x01a\x01b\xff" + bytes(8)
    with pytest.raises(RdbError, match="type 99"):
        measure(BytesIO(file))


def test_another_number_of_keys_than_told_is_noticed() -> None:
    file = b"REDIS0010\xfe\x00\xfb\x02\x00\x00\x01a\x01b\xff" + bytes(8)
    with pytest.raises(RdbError, match="tells of 2 keys in database 0, and holds 1"):
        measure(BytesIO(file))


@given(st.binary(max_size=200))
def test_garbage_is_an_error_of_ours(tail: bytes) -> None:
    with pytest.raises(RdbError):
        measure(BytesIO(b"REDIS0010" + tail + b"\xff12345678"))


MEASURE = """
import resource, sys
from pathlib import Path
from portal.operations.backups.rdb.walk import measure
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with Path(sys.argv[1]).open("rb") as file:
    assert measure(file).keys == 3
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
def test_a_value_of_200_mb_is_measured_in_a_few_mb(tmp_path: Path, root: Path) -> None:
    path = tmp_path / "large.rdb"
    path.write_bytes(rdb_of([(0, b"a", b"1", 0), (0, b"large", bytes(200 << 20), 0), (0, b"z", b"1", 0)]))
    done = subprocess.run([sys.executable, "-c", MEASURE, path], capture_output=True, check=True, text=True, cwd=root)
    assert int(done.stdout) < 20_000  # kB


def bomb(*, size: int) -> bytes:
    """Return a compressed string, 88 times smaller than what it unfolds to."""
    times = size // 264
    packed = b"\x00a" + b"\xe0\xff\x00" * times
    lengths = (len(packed).to_bytes(4, "big"), (1 + 264 * times).to_bytes(4, "big"))
    return b"\xc3" + b"".join(b"\x80" + length for length in lengths) + packed


def sealed(body: bytes) -> bytes:
    """Return a file that ends as one of Redis does."""
    return body + b"\xff" + crc64(body + b"\xff").to_bytes(8, "little")


def test_a_key_is_not_unfolded_for_being_counted() -> None:
    file = BytesIO(sealed(b"REDIS0010\x00" + bomb(size=100 << 20) + b"\x01a"))
    tracemalloc.start()
    assert measure(file).keys == 1
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 32 << 20


@pytest.mark.parametrize("aux", [bomb(size=1 << 20) + b"\x01a", b"\x01a" + bomb(size=1 << 20), b"\x81" + b"\x7f" * 8])
def test_what_a_file_says_of_itself_is_short(aux: bytes) -> None:
    with pytest.raises(RdbError, match="where none so long belongs"):
        measure(BytesIO(sealed(b"REDIS0010\xfa" + aux)))


def test_what_a_file_says_of_itself_is_not_without_end() -> None:
    aux = b"".join(b"\xfa" + string(b"%d" % number) + b"\x01a" for number in range(2000))
    with pytest.raises(RdbError, match="more than 1,000 things"):
        measure(BytesIO(sealed(b"REDIS0010" + aux)))
