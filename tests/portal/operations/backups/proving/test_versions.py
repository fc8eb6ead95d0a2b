"""Which server loads which file."""

import pytest

from portal.operations.backups.proving.versions import can_load
from portal.operations.backups.rdb.format import RdbError


@pytest.mark.parametrize(
    ("magic", "engine", "version", "can"),
    [
        (b"REDIS0009", "redis", "6.2.14", True),
        (b"REDIS0010", "redis", "6.2.14", False),
        (b"REDIS0010", "redis", "7.0.15", True),
        (b"REDIS0011", "redis", "7.0.15", False),
        (b"REDIS0011", "redis", "7.2.4", True),
        (b"REDIS0012", "redis", "7.2.4", False),
        (b"REDIS0012", "redis", "7.4.0", True),
        (b"REDIS0013", "redis", "8.0.3", False),
        (b"REDIS0013", "redis", "8.4.0", True),
        (b"VALKEY080", "redis", "7.0.15", False),
        (b"VALKEY080", "redis", "99.0", False),
        (b"REDIS0011", "valkey", "9.1.2", True),
        (b"REDIS0011", "valkey", "8.1.0", True),
        (b"REDIS0012", "valkey", "9.1.2", False),
        (b"VALKEY080", "valkey", "8.1.3", False),
        (b"VALKEY080", "valkey", "9.0.0", True),
        (b"VALKEY081", "valkey", "9.1.2", False),
        (b"VALKEY081", "valkey", "10.0.0", True),
    ],
)
def test_a_server_loads_what_it_and_its_forebears_wrote(magic: bytes, engine: str, version: str, can: bool) -> None:
    assert can_load(magic, engine=engine, version=version) is can


def test_what_is_no_rdb_file_is_loaded_by_none() -> None:
    with pytest.raises(RdbError):
        can_load(b"PK\x03\x04 a zip", engine="redis", version="7.0.15")
