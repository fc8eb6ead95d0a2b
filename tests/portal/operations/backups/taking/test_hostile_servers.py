"""Servers that mean harm, or are none: an error in plain words comes of it, and nothing else."""

import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from portal.operations.backups.manifest import Method
from portal.operations.backups.proving.prove import prove
from portal.operations.backups.rdb.format import crc64
from portal.operations.backups.rdb.write import string
from portal.operations.backups.taking import landing
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.nodes import nodes
from portal.redis_address import parse_redis_address
from tests.portal.operations.backups.taking.asking import take_with, taken
from tests.portal.operations.backups.taking.hostile import Answer, bulk, hello, hostile

pytestmark = pytest.mark.server
NOW = datetime(2026, 11, 29, 3, 15, tzinfo=UTC)


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


def a_file(*, told: bytes = b"") -> bytes:
    """Return an RDB file without keys, which tells that of itself."""
    body = b"REDIS0010" + told + b"\xff"
    return body + crc64(body).to_bytes(8, "little")


def on_the_wire(data: bytes) -> dict[str, Answer]:
    """Return the answers of a server that sends that as its data."""
    return {"CONFIG GET": b"%0\r\n", "INFO": bulk(b"used_memory:1000\r\n"), "PSYNC": data}


def dripping(client: socket.socket) -> None:
    """Send a newline now and then, as a server does that forks for long."""
    while True:
        client.sendall(b"\n")
        time.sleep(0.01)


def trickling(client: socket.socket) -> None:
    """Send a file byte by byte, without end."""
    client.sendall(b"+FULLRESYNC a 1\r\n$1000000000\r\nREDIS0010")
    dripping(client)


@pytest.mark.parametrize(
    "data",
    [
        b"$nine\r\nREDIS0010",
        b"$-5\r\nREDIS0010",
        b"$" + b"9" * 5000 + b"\r\n",
        b"$EOF:short\r\nREDIS0010",
        b"x" * 100_000,
    ],
)
def test_what_announces_no_size_is_refused(data: bytes, private: Path) -> None:
    with (
        hostile(on_the_wire(data)) as url,
        pytest.raises(CannotTake, match=r"does not speak the replication protocol|refused"),
    ):
        taken(url, folder=private, method=Method.WIRE)
    assert not list(private.iterdir())


@pytest.mark.parametrize("told", [b"abc", b"9" * 60, b"-1", b"\xff\xfe"])
def test_what_a_file_tells_of_itself_may_be_nonsense(told: bytes, private: Path) -> None:
    aux = b"".join(b"\xfa" + string(name) + string(told) for name in (b"ctime", b"used-mem", b"repl-id"))
    data = a_file(told=aux)
    with hostile(on_the_wire(b"$%d\r\n%b" % (len(data), data))) as url:
        result = taken(url, folder=private, method=Method.WIRE)
    assert result.digest.size_bytes == len(data)
    assert prove(result.path, now=NOW).keys == 0


@pytest.mark.parametrize("answer", [dripping, trickling])
def test_a_server_that_never_comes_to_an_end_is_given_up(
    answer: Answer, private: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(landing, "LONGEST_SECONDS", 0.2)
    with hostile({**on_the_wire(b""), "PSYNC": answer}) as url, pytest.raises(CannotTake, match="not whole after"):
        taken(url, folder=private, method=Method.WIRE)
    assert not list(private.iterdir())


def test_names_that_never_come_to_an_end_are_given_up(private: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landing, "LONGEST_SECONDS", 0.2)
    answers = {
        "INFO": bulk(b"db0:keys=1,expires=0,avg_ttl=0\r\n"),
        "SCAN": b"*2\r\n$1\r\n7\r\n*0\r\n",
        "FUNCTION": b"$-1\r\n",
    }
    with hostile(answers) as url, pytest.raises(CannotTake, match="not whole after"):
        taken(url, folder=private, method=Method.LOGICAL)


def test_who_waits_gives_signs_of_life(private: Path) -> None:
    told: list[int] = []

    def progress(done_bytes: int, total_bytes: int | None) -> None:
        told.append(done_bytes)
        if len(told) == 3:
            raise KeyboardInterrupt

    with hostile({**on_the_wire(b""), "PSYNC": dripping}) as url, pytest.raises(KeyboardInterrupt):
        take_with(url, folder=private, method=Method.WIRE, progress=progress)


@pytest.mark.parametrize(("folder", "name"), [("/dev", "zero"), ("/proc/self", "fd"), ("/dev", "../dev/zero")])
def test_a_dump_that_is_no_file_is_not_read(folder: str, name: str, private: Path) -> None:
    told = b"%2\r\n" + bulk(b"dir") + bulk(folder.encode()) + bulk(b"dbfilename") + bulk(name.encode())
    answers = {"CONFIG GET": told, "INFO": bulk(b"used_memory:1000\r\n")}
    with hostile(answers) as url, pytest.raises(CannotTake, match="which is no ordinary file"):
        taken(url, folder=private, method=Method.BGSAVE)
