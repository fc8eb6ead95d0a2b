"""A scratch server holds the file, and leaves nothing behind."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from portal.operations.backups.folders import remove_abandoned
from portal.operations.backups.proving import memory, scratch
from portal.operations.backups.proving.scratch import LoadFailed, NoServer, scratch_server
from portal.operations.backups.rdb.write import string
from tests.portal.operations.backups.proving.making import by_hand
from tests.servers import wait_until

pytestmark = pytest.mark.server
OLD_SECONDS = 3600.0
HOLD = """
import sys, time
from pathlib import Path
from portal.operations.backups.proving.scratch import scratch_server
with scratch_server(Path(sys.argv[1])) as scratch:
    print(scratch.address.socket_path, flush=True)
    time.sleep(600)
"""


@pytest.fixture(autouse=True)
def place(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where scratch folders are made, for this test alone."""
    with tempfile.TemporaryDirectory(prefix="place-", dir="/tmp") as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield Path(folder)


def test_it_holds_what_the_file_does(small: Path) -> None:
    with scratch_server(small) as scratch, redis.Redis.from_url(scratch.address.url) as client:
        assert client.mget("one", "two", "three") == [b"first", b"second", b"third"]
        assert (scratch.engine, scratch.version[:3]) == ("redis", "7.0")


def test_it_is_gone_afterwards(small: Path, place: Path) -> None:
    with scratch_server(small) as scratch, redis.Redis.from_url(scratch.address.url) as client:
        process = client.info("server")["process_id"]
        assert len(list(place.iterdir())) == 1
    assert not _lives(process)
    assert not list(place.iterdir())


def test_it_is_gone_after_a_failure(small: Path, place: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.rdb"
    bad.write_bytes(small.read_bytes()[:-30])
    with pytest.raises(LoadFailed, match="Unexpected EOF"), scratch_server(bad):
        raise AssertionError
    assert not list(place.iterdir())


def test_what_it_saves_does_not_touch_the_file(small: Path) -> None:
    before = small.read_bytes()
    with scratch_server(small) as scratch, redis.Redis.from_url(scratch.address.url) as client:
        client.set("four", 4)
        client.save()
    assert small.read_bytes() == before


def test_what_is_no_rdb_file_is_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "zip"
    path.write_bytes(b"PK\x03\x04" + bytes(100))
    with pytest.raises(LoadFailed, match="No server loads this file"), scratch_server(path):
        raise AssertionError


@pytest.mark.usefixtures("no_binaries")
def test_without_a_server_program_it_says_what_to_install(small: Path) -> None:
    with pytest.raises(NoServer, match="Install"), scratch_server(small):
        raise AssertionError


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_proof_leaves_no_server_and_the_next_removes_its_folder(number: int, small: Path, place: Path) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(small)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    with holder.stdout as said, redis.Redis.from_url(f"unix://{said.readline().strip()}") as client:
        process = client.info("server")["process_id"]
        _lock_holds(place)
        holder.send_signal(number)
        holder.wait()
    wait_until(lambda: not _lives(process), what="end of the scratch server")
    _make_old(place)
    with scratch_server(small):
        assert len(list(place.iterdir())) == 1
    assert not list(place.iterdir())


def _lock_holds(place: Path) -> None:
    _make_old(place)
    remove_abandoned(place)
    assert len(list(place.iterdir())) == 1


def _make_old(place: Path) -> None:
    for folder in place.iterdir():
        os.utime(folder, (OLD_SECONDS, OLD_SECONDS))


def _lives(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _with_library(folder: Path, *, code: str) -> Path:
    body = b"REDIS0010\xf5" + string(f"#!lua name=mine\n{code}".encode()) + b"\xff"
    return by_hand(folder / "hostile.rdb", body=body)


def test_functions_that_never_end_are_given_up(tmp_path: Path, place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_DEADLINE_SECONDS", 1.0)
    endless = _with_library(tmp_path, code="while true do end")
    with pytest.raises(NoServer, match="nobody knows whether it loads"), scratch_server(endless):
        pass
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    "code", ["io.open('/etc/passwd')", "os.execute('true')", "dofile('/etc/passwd')", "loadfile('/x')"]
)
def test_functions_reach_nothing_of_this_machine(code: str, tmp_path: Path) -> None:
    with pytest.raises(LoadFailed), scratch_server(_with_library(tmp_path, code=code)):
        pass


def test_functions_take_no_more_memory_than_there_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scratch, "_DEADLINE_SECONDS", 10.0)
    monkeypatch.setattr(memory, "available_bytes", lambda: 100 << 20)
    greedy = _with_library(tmp_path, code="local t = {} for i = 1, 1e9 do t[i] = string.rep('x', 1e7) .. i end")
    with pytest.raises((LoadFailed, NoServer)), scratch_server(greedy):
        pass


def test_a_value_is_looked_into_before_it_counts(tmp_path: Path) -> None:
    # Its items claim more than there is: a server that believes them reads what is not its own.
    packed = b"\x0d\x00\x00\x00\x02\x00\x84ab\x03\x01\x01\xff"
    body = b"REDIS0010\xfe\x00\x10\x01k" + string(packed) + b"\xff"
    with pytest.raises(LoadFailed), scratch_server(by_hand(tmp_path / "hostile.rdb", body=body)):
        pass


def test_a_crash_leaves_no_image_of_the_data(small: Path) -> None:
    with scratch_server(small) as running, redis.Redis.from_url(running.address.url) as client:
        limits = Path(f"/proc/{client.info('server')['process_id']}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[4:6] == ["0", "0"]
