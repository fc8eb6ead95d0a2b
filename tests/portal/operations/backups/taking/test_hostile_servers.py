"""Servers that mean harm, or are none: an error in plain words comes of it, and nothing else."""

from pathlib import Path

import pytest

from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.nodes import nodes
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.taking.hostile import bulk, hello, hostile

pytestmark = pytest.mark.server


def a_cluster_of(host: bytes) -> dict[str, bytes]:
    """Return the answers of a server that tells of one primary, at that host."""
    slots = b"*1\r\n*3\r\n:0\r\n:16383\r\n*2\r\n" + bulk(host) + b":7000\r\n"
    return {"HELLO": hello(mode=b"cluster"), "CLUSTER SLOTS": slots}


@pytest.mark.parametrize("host", [b"/tmp/elsewhere", b"../elsewhere", b"a/../b", b"user@host", b"\xff", b"-x", b"a\nb"])
def test_what_a_cluster_tells_of_its_servers_is_never_a_path(host: bytes) -> None:
    with hostile(a_cluster_of(host)) as url, pytest.raises(CannotTake, match="which is no address"):
        nodes(parse_redis_address(url.replace("redis://", "redis+cluster://")))


@pytest.mark.parametrize(
    ("host", "name"),
    [
        (b"10.0.0.1", "10.0.0.1-7000"),
        (b"::1", "1-7000"),
        (b"fe80::1", "fe80__1-7000"),
        (b"a-b.example", "a-b.example-7000"),
    ],
)
def test_a_part_is_named_as_the_storage_takes_it(host: bytes, name: str) -> None:
    with hostile(a_cluster_of(host)) as url:
        assert [node.name for node in nodes(parse_redis_address(url.replace("redis://", "redis+cluster://")))] == [name]
