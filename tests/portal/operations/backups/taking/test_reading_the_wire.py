"""The end of what comes over the wire, wherever its pieces are cut; and keys counted on the way."""

import hashlib
import socket
import tempfile
import threading
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.operations.backups.taking import wire
from portal.operations.backups.taking.errors import CannotTake
from portal.operations.backups.taking.landing import Landing
from portal.operations.backups.taking.logical import next_count
from portal.operations.backups.taking.seen import Seen

# No part of it begins anew within: what is sent before must not make it come early.
MARK = bytes(range(65, 105))

pieces = st.lists(st.sampled_from([MARK[:39], MARK[1:], b"0", b"payload", b"\n", b"x" * 500]), max_size=20).map(
    b"".join
)
cuts = st.lists(st.integers(0, 3000), max_size=8)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a few hundred bytes be much."""
    monkeypatch.setattr(wire, "CHUNK_BYTES", 256)


def _sent(stream: bytes, cuts: list[int]) -> socket.socket:
    """Return where a stream comes out in pieces."""
    here, there = socket.socketpair()
    places = sorted({0, len(stream), *(cut for cut in cuts if cut < len(stream))})

    def send() -> None:
        with there:
            for begin, end in pairwise(places):
                there.sendall(stream[begin:end])

    threading.Thread(target=send).start()
    return here


def _came(stream: bytes, *, cuts: list[int], size: int | None) -> bytes:
    with tempfile.TemporaryDirectory() as folder, _sent(b"\n\n$header\r\n" + stream, cuts) as here:
        incoming = wire._Incoming(here, place="there", waits=lambda: None)
        assert incoming.line() == b"$header"
        path = Path(folder, "file")
        with Landing(path, progress=lambda done, total: None) as landing:
            if size is None:
                incoming.copy_until(MARK, into=landing)
            else:
                incoming.copy(size, into=landing)
            digest = landing.finish()
        content = path.read_bytes()
        assert (digest.size_bytes, digest.sha256) == (len(content), hashlib.sha256(content).hexdigest())
        return content


@given(payload=pieces, cuts=cuts)
def test_all_before_the_mark_is_kept_and_the_mark_is_not(payload: bytes, cuts: list[int]) -> None:
    assert _came(payload + MARK, cuts=cuts, size=None) == payload


@given(payload=pieces, cuts=cuts, more=st.sampled_from([b"", b"*1\r\n$4\r\nPING\r\n"]))
def test_so_many_bytes_are_kept_as_were_announced(payload: bytes, cuts: list[int], more: bytes) -> None:
    assert _came(payload + more, cuts=cuts, size=len(payload)) == payload


@pytest.mark.parametrize("size", [None, 1000])
def test_a_stream_that_ends_early_is_an_error(size: int | None) -> None:
    with pytest.raises(CannotTake, match="broke after 500 bytes"):
        _came(b"x" * 500, cuts=[], size=size)


def test_who_waits_for_the_data_tells_so() -> None:
    signs: list[str] = []
    with _sent(b"\n" * 5 + b"$header\r\n" + b"x", cuts=[1, 2, 3, 4]) as here:
        here.settimeout(10)
        wire._Incoming(here, place="there", waits=lambda: signs.append("waits")).line()
    assert signs


def test_a_server_that_falls_silent_is_told() -> None:
    here, there = socket.socketpair()
    here.settimeout(0.01)
    there.sendall(b"$9\r\nx")
    with here, there, tempfile.TemporaryDirectory() as folder:
        incoming = wire._Incoming(here, place="there", waits=lambda: None)
        incoming.line()
        with (
            Landing(Path(folder, "file"), progress=lambda done, total: None) as landing,
            pytest.raises(CannotTake, match="has sent nothing for 70 s"),
        ):
            incoming.copy(9, into=landing)


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (b"-NOMASTERLINK Can't SYNC while not connected with my master", "has lost its primary"),
        (b"-LOADING Redis is loading the dataset in memory", "still loading"),
        (b"-ERR BGSAVE failed, replication can't continue", "lacks memory or processes"),
        (b"-NOPERM this user has no permissions", "psync"),
        (b"-ERR unknown command 'SYNC'", "psync"),
        (b"-ERR something new", "refused to send its data: ERR something new"),
    ],
)
def test_every_refusal_says_what_to_do(line: bytes, told: str) -> None:
    assert told in str(wire._refusal(line, place="there"))


@given(asked=st.integers(1, 1000), answered=st.integers(0, 1 << 32))
def test_an_answer_stays_near_a_megabyte(asked: int, answered: int) -> None:
    count = next_count(asked, answered_bytes=answered)
    assert 1 <= count <= min(2 * asked, 1000)
    assert count == 1 or count * answered <= asked << 20


@given(batches=st.lists(st.lists(st.binary(max_size=3))))
def test_each_key_is_new_once(batches: list[list[bytes]]) -> None:
    with Seen() as seen:
        new = [key for batch in batches for key in seen.new(batch)]
    assert new == list(dict.fromkeys(key for batch in batches for key in batch))
